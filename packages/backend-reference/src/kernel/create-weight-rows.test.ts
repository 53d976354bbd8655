import { floatTensor } from '@flexgen/conformance'
import { describe, expect, it } from 'vitest'
import { createWeightRows } from './create-weight-rows.ts'

const values = [1, -2, 0.5, 3, -0.25, 8]

describe('weight rows', () => {
  for (const dtype of ['float32', 'float16', 'bfloat16'] as const) {
    it.each([0, 1, 2, 3, 4])(`read ${dtype} at byte offset %d`, (offset) => {
      const { bytes } = floatTensor([3, 2], values, dtype)
      const buffer = new Uint8Array(bytes.byteLength + offset)
      buffer.set(bytes, offset)
      const rows = createWeightRows(buffer.subarray(offset), dtype, [3, 2])
      expect([rows.rowCount, rows.width]).toEqual([3, 2])
      expect([...rows.read(1, 2)]).toEqual(values.slice(2))
      expect([...rows.read(0, 1)]).toEqual(values.slice(0, 2))
    })
  }

  it('give aligned float32 without a copy', () => {
    const weights = Float32Array.from(values)
    const rows = createWeightRows(new Uint8Array(weights.buffer), 'float32', [6])
    expect(rows.read(0, 1).buffer).toBe(weights.buffer)
    expect(rows.rowCount).toBe(1)
  })
})
