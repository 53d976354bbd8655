import { InternalError } from '@flexgen/spec'

/** x `[batch, seq, width]` to `[batch, 1, width]`: the last valid token of every row. */
export function lastPosition(x: Float32Array, positions: Int32Array, lengths: Int32Array): Float32Array {
  const batch = lengths.length
  const seq = positions.length / batch
  const width = x.length / positions.length
  const y = new Float32Array(batch * width)
  for (let row = 0; row < batch; row++) {
    const last = lengths[row]! - 1 - positions[row * seq]!
    if (last < 0 || last >= seq) throw new InternalError(`LastPosition row ${row}: there is no token ${last} of ${seq}`)
    const from = (row * seq + last) * width
    y.set(x.subarray(from, from + width), row * width)
  }
  return y
}
