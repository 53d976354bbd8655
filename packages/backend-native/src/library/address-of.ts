import { UsageError } from '@flexgen/spec'
import type { Koffi } from './koffi-library.ts'

/** Gives addresses of bytes in host memory, as numbers: they are below 2^53. */
export type AddressOf = (bytes: Uint8Array) => number

/** Makes an `AddressOf`, with one look-up for each array buffer. The caller keeps the bytes alive. */
export function createAddressOf(koffi: Koffi): AddressOf {
  const addresses = new WeakMap<ArrayBufferLike, number>()
  return (bytes) => {
    const { buffer } = bytes
    if ((buffer as ArrayBuffer).detached) throw new UsageError('a buffer was used after it was freed')
    let address = addresses.get(buffer)
    if (address === undefined) {
      address = Number(koffi.address(buffer))
      addresses.set(buffer, address)
    }
    return address + bytes.byteOffset
  }
}
