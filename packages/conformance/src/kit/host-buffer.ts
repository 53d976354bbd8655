import type { HostBuffer } from '@flexgen/spec'

/** Ordinary host memory of nobody's allocator, filled with zeros or with the given bytes. */
export function createHostBuffer(content: number | Uint8Array): HostBuffer {
  const bytes = typeof content === 'number' ? new Uint8Array(content) : Uint8Array.from(content)
  return { byteLength: bytes.byteLength, bytes }
}
