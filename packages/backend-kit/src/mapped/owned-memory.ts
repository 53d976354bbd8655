import { Owned } from '../memory/owned.ts'
import type { MappedMemory } from './page-memory.ts'

/** A buffer that native code reads and writes: device and host are one memory, so it is both. */
export class OwnedMemory extends Owned {
  readonly byteLength: number
  /** Detached, and so without bytes, once the memory is gone. */
  readonly bytes: Uint8Array

  constructor(mapping: MappedMemory, byteLength: number) {
    super(() => mapping.unmap())
    this.byteLength = byteLength
    this.bytes = new Uint8Array(mapping.buffer, 0, byteLength)
  }
}
