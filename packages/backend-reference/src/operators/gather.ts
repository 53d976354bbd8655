import { InternalError } from '@flexgen/spec'
import type { WeightRows } from './weight-rows.ts'

/** Rows `table[indices + indexOffset]`, `[tokens, width]`. */
export function gather(table: WeightRows, indices: Int32Array, indexOffset: number): Float32Array {
  const y = new Float32Array(indices.length * table.width)
  for (let i = 0; i < indices.length; i++) {
    const row = indices[i]! + indexOffset
    if (row < 0 || row >= table.rowCount)
      throw new InternalError(`Gather reads row ${row} of a table of ${table.rowCount} rows`)
    y.set(table.read(row, 1), i * table.width)
  }
  return y
}
