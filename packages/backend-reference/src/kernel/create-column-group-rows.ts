import { dequantizeColumns } from '@flexgen/quantize'
import { q4Group, tensorBytes } from '@flexgen/spec'
import type { WeightRows } from '../operators/weight-rows.ts'

/** Reads rows of a q4g64c matrix; the 64 rows of the block last read stay widened. */
export function createColumnGroupRows(bytes: Uint8Array, rowCount: number, width: number): WeightRows {
  const block = new Float32Array(Math.min(q4Group.values, rowCount) * width)
  let held = -1
  const rowAt = (row: number): Float32Array => {
    const index = Math.floor(row / q4Group.values)
    const firstRow = index * q4Group.values
    if (index !== held) {
      const rows = Math.min(q4Group.values, rowCount - firstRow)
      dequantizeColumns(
        bytes.subarray(tensorBytes('q4g64c', [firstRow, width])),
        width,
        block.subarray(0, rows * width),
      )
      held = index
    }
    return block.subarray((row - firstRow) * width, (row - firstRow + 1) * width)
  }
  let scratch = new Float32Array(0)
  return {
    rowCount,
    width,
    read: (first, count) => {
      if (scratch.length < count * width) scratch = new Float32Array(count * width)
      for (let i = 0; i < count; i++) scratch.set(rowAt(first + i), i * width)
      return scratch.subarray(0, count * width)
    },
  }
}
