import { concat, littleEndian, pattern, utf8 } from './bytes.ts'

/** A safetensors file with exactly this header text, or value made text, before the data. */
export function rawSafetensors(header: unknown, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  const text = utf8(typeof header === 'string' ? header : JSON.stringify(header))
  return concat(littleEndian(8, text.byteLength), text, data)
}

/** A tensor to write. */
export interface SafetensorsTensor {
  readonly name: string
  readonly dtype: string
  readonly shape: readonly number[]
  readonly bytes: Uint8Array
}

/** A valid safetensors file. */
export function writeSafetensors(tensors: readonly SafetensorsTensor[], metadata?: Record<string, string>): Uint8Array {
  let end = 0
  const fields = tensors.map(({ name, dtype, shape, bytes }) => {
    const begin = end
    end += bytes.byteLength
    return `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`
  })
  const first = metadata === undefined ? [] : [`"__metadata__":${JSON.stringify(metadata)}`]
  return rawSafetensors(`{${[...first, ...fields].join(',')}}`, concat(...tensors.map(({ bytes }) => bytes)))
}

/** A small valid file with tensors `a` (float16 [2, 3]), `b` (float32 [2]) and `ids` (int64 [1]). */
export function smallSafetensors(): Uint8Array {
  return writeSafetensors([
    { name: 'a', dtype: 'F16', shape: [2, 3], bytes: pattern(12) },
    { name: 'b', dtype: 'F32', shape: [2], bytes: pattern(8, 50) },
    { name: 'ids', dtype: 'I64', shape: [1], bytes: pattern(8, 90) },
  ])
}
