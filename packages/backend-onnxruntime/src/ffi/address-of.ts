import { UsageError } from '@flexgen/spec'
import type { Koffi } from './koffi-library.ts'

/** Gives addresses of bytes in host memory; one look-up for each array buffer. */
export type AddressOf = (bytes: Uint8Array) => bigint

/** Makes an `AddressOf`. The caller keeps the bytes alive for as long as the address is used. */
export function createAddressOf(koffi: Koffi): AddressOf {
  const addresses = new WeakMap<ArrayBufferLike, bigint>()
  return (bytes) => {
    const { buffer } = bytes
    if ((buffer as ArrayBuffer).detached) throw new UsageError('a buffer was used after it was freed')
    let address = addresses.get(buffer)
    if (address === undefined) {
      address = koffi.address(buffer)
      addresses.set(buffer, address)
    }
    return address + BigInt(bytes.byteOffset)
  }
}
