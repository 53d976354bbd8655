import { createHostBuffer } from '@flexgen/conformance'
import { spanOf } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { batchBytes, batchReads, type ReadPart, runBytes, smallPartBytes } from './read-batches.ts'

const buffer = createHostBuffer(smallPartBytes)
const partAt = (position: number, byteLength: number): ReadPart => ({ position, target: spanOf(buffer, 0, byteLength) })
const rangesOf = (parts: readonly ReadPart[]): (readonly [start: number, end: number])[][] =>
  batchReads(parts).map(({ runs }) => runs.map(({ start, end }) => [start, end] as const))

describe('batchReads', () => {
  it('joins what lies close together, in any order and also twice', () => {
    const parts = [partAt(50_000, 10), partAt(100, 20), partAt(100, 20), partAt(110, 5), partAt(17_000, 300)]
    expect(rangesOf(parts)).toEqual([[[100, 50_010]]])
    expect(batchReads(parts)[0]!.sizeBytes).toBe(10 + 20 + 20 + 5 + 300)
  })

  it('reads a gap of 32 KiB, and none that is longer', () => {
    expect(rangesOf([partAt(0, 10), partAt(10 + 32_768, 10)])).toEqual([[[0, 20 + 32_768]]])
    expect(rangesOf([partAt(0, 10), partAt(11 + 32_768, 10)])).toEqual([
      [
        [0, 10],
        [11 + 32_768, 21 + 32_768],
      ],
    ])
  })

  it('gives eight distant parts to a batch', () => {
    const batches = batchReads(Array.from({ length: 20 }, (_, i) => partAt(i * 1_000_000, 10_240)))
    expect(batches.map(({ runs, sizeBytes }) => [runs.length, sizeBytes])).toEqual([
      [8, 81_920],
      [8, 81_920],
      [4, 40_960],
    ])
  })

  it('keeps every part once, and batches within their staging buffer', () => {
    for (const step of [1000, 10_240, 40_000, 140_000]) {
      const parts = Array.from({ length: 500 }, (_, i) =>
        partAt(((i * 317) % 500) * step + 13, 1 + ((i * 7919) % smallPartBytes)),
      )
      const batches = batchReads(parts)
      for (const { runs } of batches)
        expect(runs.reduce((sum, run) => sum + runBytes(run), 0)).toBeLessThanOrEqual(batchBytes)
      const runs = batches.flatMap((batch) => batch.runs)
      expect(new Set(runs.flatMap((run) => run.parts))).toEqual(new Set(parts))
      for (const { start, end, parts: within } of runs) {
        expect(Math.min(...within.map(({ position }) => position))).toBe(start)
        expect(Math.max(...within.map(({ position, target }) => position + target.byteLength))).toBe(end)
      }
    }
  })
})
