import type { Backend, HostBuffer } from '@flexgen/spec'

/** Allocates for a RAM tier as for a user whose memory was used before: until it is written, every value in it is no number. */
export function spoiledHost(backend: Backend): (byteLength: number) => HostBuffer {
  return (byteLength) => {
    const buffer = backend.allocateHost(byteLength, 'any')
    buffer.bytes.fill(0xff)
    return buffer
  }
}
