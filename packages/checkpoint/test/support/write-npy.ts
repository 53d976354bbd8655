import { concat, littleEndian, utf8 } from './bytes.ts'

/** An npy file with exactly this header text. */
export function rawNpy(header: string, data: Uint8Array, version = 1): Uint8Array {
  const text = utf8(`${header}\n`)
  const length = littleEndian(version === 1 ? 2 : 4, text.byteLength)
  return concat(0x93, utf8('NUMPY'), version, 0, length, text, data)
}

/** A valid npy file as numpy writes it, but for the padding. */
export function writeNpy(
  descr: string,
  shape: readonly number[],
  data: Uint8Array,
  { fortranOrder = false, version = 1 } = {},
): Uint8Array {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`
  const truth = fortranOrder ? 'True' : 'False'
  return rawNpy(`{'descr': '${descr}', 'fortran_order': ${truth}, 'shape': ${tuple}, }`, data, version)
}
