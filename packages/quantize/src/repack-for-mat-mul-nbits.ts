import { q4Group } from '@flexgen/spec'
import { float16Values } from './group/float16-bits.ts'
import { checkRoom, countRows, groupCount, quantizedRowsBytes } from './quantized-bytes.ts'

/** What MatMulNBits takes away from a nibble where it is given no zero points. */
const defaultZeroPoint = 8

/** A weight `[out, in]` in the form that ONNX Runtime's MatMulNBits reads: 4 bits, blocks of 64, no zero points. */
export interface MatMulNBitsWeight {
  /** Input B, `[out, blocks, 32]`: the even index in the low nibble. */
  readonly packed: Uint8Array
  /** Input scales, `[out, blocks]`. */
  readonly scales: Float32Array
  /** What every value of a block has besides `scale * (nibble - 8)`, `[out, blocks]`: minimum + 8 * scale. */
  readonly offsets: Float32Array
}

/**
 * Repacks a weight `[out, in]` with groups along the inputs, as `quantizeRows` writes it, for MatMulNBits. Nothing is
 * quantised again: with `g [batch, blocks]` the sums of x over each block, `x W^T` is MatMulNBits(x) + g offsets^T. (The
 * fast kernels of the CPU take integer zero points only, which the minimum of a group is not.)
 *
 * @param width number of inputs
 * @throws {UsageError} where sizes do not fit
 */
export function repackForMatMulNBits(source: Uint8Array, width: number, target: MatMulNBitsWeight): void {
  const { packed, scales, offsets } = target
  const blocks = groupCount(width)
  const groups = scales.length
  const rows = countRows(groups, blocks)
  checkRoom('the source of repackForMatMulNBits', source.length, quantizedRowsBytes(rows, width))
  checkRoom('packed of repackForMatMulNBits', packed.length, groups * q4Group.nibbleBytes)
  checkRoom('offsets of repackForMatMulNBits', offsets.length, groups)
  const halves = float16Values()
  for (let group = 0, at = 0, to = 0; group < groups; group++, at += q4Group.bytes, to += q4Group.nibbleBytes) {
    const end = at + q4Group.nibbleBytes
    for (let i = 0; i < q4Group.nibbleBytes; i++) {
      const pair = source[at + i]!
      packed[to + i] = (pair >> 4) | (pair << 4)
    }
    const scale = halves[source[end]! | (source[end + 1]! << 8)]!
    scales[group] = scale
    offsets[group] = halves[source[end + 2]! | (source[end + 3]! << 8)]! + defaultZeroPoint * scale
  }
}
