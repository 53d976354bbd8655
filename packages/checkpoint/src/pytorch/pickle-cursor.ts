import { CorruptDataError } from '@flexgen/spec'
import { decodeUtf8 } from '../text/decode-utf8.ts'

/** Reads numbers, texts and bytes of a pickle one after the other; running past the end is an error. */
export class PickleCursor {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #what: string
  position = 0

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#what = what
  }

  #take(count: number): number {
    const start = this.position
    if (count > this.#bytes.byteLength - start)
      throw new CorruptDataError(`${this.#what} ends early: ${count} bytes are missing at byte ${start}`)
    this.position += count
    return start
  }

  uint8(): number {
    return this.#view.getUint8(this.#take(1))
  }

  uint16(): number {
    return this.#view.getUint16(this.#take(2), true)
  }

  int32(): number {
    return this.#view.getInt32(this.#take(4), true)
  }

  uint32(): number {
    return this.#view.getUint32(this.#take(4), true)
  }

  /** Lengths of 8 bytes; one beyond the end fails when it is used. */
  uint64(): number {
    return Number(this.#view.getBigUint64(this.#take(8), true))
  }

  float64(): number {
    return this.#view.getFloat64(this.#take(8), false)
  }

  /** A signed little-endian integer of `count` bytes; only those that a number holds exactly. */
  long(count: number): number {
    const digits = this.bytes(count)
    let value = 0n
    if (count <= 8) for (let i = count - 1; i >= 0; i--) value = (value << 8n) | BigInt(digits[i]!)
    const signed = Number(BigInt.asIntN(count * 8, value))
    if (count > 8 || !Number.isSafeInteger(signed))
      throw new CorruptDataError(`${this.#what} has an integer that is too large at byte ${this.position - count}`)
    return signed
  }

  bytes(count: number): Uint8Array {
    const start = this.#take(count)
    return this.#bytes.subarray(start, start + count)
  }

  text(count: number): string {
    return decodeUtf8(this.bytes(count), `${this.#what}: the text at byte ${this.position}`)
  }

  /** Text up to the end of the line, which is taken, too. */
  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.position)
    const text = this.text((end < 0 ? this.#bytes.byteLength : end) - this.position)
    this.#take(1)
    return text
  }
}
