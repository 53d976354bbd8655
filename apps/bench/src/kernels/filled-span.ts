import { type Backend, type DType, type HostBuffer, isGroupDType, q4Group, type Span, spanOf } from '@flexgen/spec'

/** A span of fresh memory of a host backend, filled with numbers of about size 1. */
export function filledSpan(backend: Backend, byteLength: number, dtype: DType): Span<HostBuffer> {
  const buffer = backend.allocateHost(byteLength)
  const { bytes } = buffer
  if (isGroupDType(dtype)) fillGroups(bytes)
  else if (dtype === 'float32') {
    const values = new Float32Array(bytes.buffer, bytes.byteOffset, byteLength / 4)
    for (let i = 0; i < values.length; i++) values[i] = ((i * 2_654_435_761) % 1024) / 1024 - 0.5
  } else {
    // 0.5 to 1 with either sign.
    const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, byteLength / 2)
    const [base, mask] = dtype === 'float16' ? [0x3800, 0x3ff] : [0x3f00, 0x7f]
    for (let i = 0; i < halves.length; i++) halves[i] = base | ((i * 40_503) & mask) | ((i & 1) << 15)
  }
  return spanOf(buffer)
}

/** Any nibbles, with a scale of 2^-7 and a minimum of -2^-5. */
function fillGroups(bytes: Uint8Array): void {
  for (let i = 0; i < bytes.length; i++) bytes[i] = i * 13 + (i >> 5)
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
  const [groupWords, nibbleWords] = [q4Group.bytes / 4, q4Group.nibbleBytes / 4]
  for (let i = nibbleWords; i < words.length; i += groupWords) words[i] = 0xa800_2000
}
