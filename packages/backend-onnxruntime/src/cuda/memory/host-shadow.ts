/** Buffers of system inputs are at most so large; weights stream through much larger ones. */
export const mostShadowBytes: number = 4 * 2 ** 20

/**
 * What was last copied from the host into a small device buffer: ids, positions and lengths are checked on the host,
 * and decide how attention runs, without waiting for the device.
 */
export class HostShadow {
  readonly #bytes: Uint8Array
  /** The bytes in `[from, to)` are those of the device. */
  #from = 0
  #to = 0

  constructor(byteLength: number) {
    this.#bytes = new Uint8Array(byteLength)
  }

  write(byteOffset: number, bytes: Uint8Array): void {
    const end = byteOffset + bytes.byteLength
    this.#bytes.set(bytes, byteOffset)
    if (byteOffset > this.#to || end < this.#from) {
      this.#from = byteOffset
      this.#to = end
    } else {
      this.#from = Math.min(this.#from, byteOffset)
      this.#to = Math.max(this.#to, end)
    }
  }

  /** Says that the device has written to the buffer. */
  forget(): void {
    this.#from = this.#to = 0
  }

  /** The bytes of a range; undefined where they are not known. */
  read(byteOffset: number, byteLength: number): Uint8Array | undefined {
    if (byteOffset < this.#from || byteOffset + byteLength > this.#to) return undefined
    return this.#bytes.subarray(byteOffset, byteOffset + byteLength)
  }
}
