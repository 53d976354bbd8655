import { dtypeBytes, UsageError } from '@flexgen/spec'
import type { Table } from '../kernel/run-values.ts'
import { widen } from '../kernel/widen.ts'

/**
 * Rows `table[indices + indexOffset]`, widened: `[tokens, width]`.
 * @throws {FlexgenError} `USAGE` for a row outside the table
 */
export function gather(table: Table, indices: Int32Array, indexOffset: number): Float32Array {
  const { bytes, dtype, rows, width } = table
  const rowBytes = dtypeBytes(dtype, width)
  const y = new Float32Array(indices.length * width)
  for (const [token, index] of indices.entries()) {
    const row = index + indexOffset
    if (row < 0 || row >= rows) throw new UsageError(`Gather reads row ${row} of a table of ${rows} rows`)
    const source = bytes.subarray(row * rowBytes, (row + 1) * rowBytes)
    widen(source, dtype, y.subarray(token * width, (token + 1) * width))
  }
  return y
}
