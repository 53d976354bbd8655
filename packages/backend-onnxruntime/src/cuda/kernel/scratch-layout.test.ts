import { expect, it } from 'vitest'
import { layOutScratch } from './scratch-layout.ts'

it('pieces of different steps share bytes, those of the same step do not', () => {
  const { offsets, byteLength } = layOutScratch([
    { name: 'all along', byteLength: 10, firstStep: 0, lastStep: 4 },
    { name: 'early', byteLength: 1000, firstStep: 0, lastStep: 1 },
    { name: 'late', byteLength: 700, firstStep: 2, lastStep: 3 },
    { name: 'beside late', byteLength: 256, firstStep: 3, lastStep: 4 },
  ])
  expect(Object.fromEntries(offsets)).toEqual({ early: 0, late: 0, 'beside late': 768, 'all along': 1024 })
  expect(byteLength).toBe(1280)
  expect(layOutScratch([])).toEqual({ offsets: new Map(), byteLength: 0 })
})
