import { describe, expect, it } from 'vitest'
import { SampleList } from './sample-list.ts'

describe('samples in bounded memory', () => {
  it('are kept at even distances, however many come', () => {
    const list = new SampleList<number>(8)
    for (let i = 0; i < 7; i++) list.add(i)
    expect(list.samples).toEqual([0, 1, 2, 3, 4, 5, 6])
    for (let i = 7; i < 100; i++) list.add(i)
    expect(list.samples).toEqual([0, 16, 32, 48, 64, 80, 96])
  })
})
