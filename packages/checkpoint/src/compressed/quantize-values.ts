import { quantizeColumns, quantizeRows } from '@flexgen/quantize'
import type { DType, GroupDType } from '@flexgen/spec'

/** A dtype that can be compressed. */
export type OriginalDType = Extract<DType, 'float32' | 'float16' | 'bfloat16'>

/**
 * Compresses rows of a matrix.
 * @param raw values of `[rows, width]`, at the start of their buffer
 * @returns how many groups could not be bounded
 */
export function quantizeValues(
  form: GroupDType,
  dtype: OriginalDType,
  raw: Uint8Array,
  width: number,
  target: Uint8Array,
): number {
  const compress = form === 'q4g64' ? quantizeRows : quantizeColumns
  const { buffer, byteLength } = raw
  if (dtype === 'float32') return compress(dtype, new Float32Array(buffer, 0, byteLength / 4), width, target)
  return compress(dtype, new Uint16Array(buffer, 0, byteLength / 2), width, target)
}
