import { UsageError } from '@flexgen/spec'

/**
 * Rows of x `[batch * seq, width]` that hold the last valid token of every sequence.
 * @throws {FlexgenError} `USAGE` where positions and lengths do not fit
 */
export function lastRows(positions: Int32Array, lengths: Int32Array): Int32Array {
  const seq = positions.length / lengths.length
  return lengths.map((length, row) => {
    const last = length - 1 - positions[row * seq]!
    if (last < 0 || last >= seq) throw new UsageError(`LastPosition row ${row}: there is no token ${last} of ${seq}`)
    return row * seq + last
  })
}
