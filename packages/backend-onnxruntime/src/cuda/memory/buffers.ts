import { Owned } from '@flexgen/backend-kit'
import type { DeviceBuffer, HostBuffer } from '@flexgen/spec'
import { HostShadow, mostShadowBytes } from './host-shadow.ts'
import type { PinnedMemory } from './pinned-slabs.ts'

/** Memory of the GPU. */
export class CudaBuffer extends Owned implements DeviceBuffer {
  readonly byteLength: number
  readonly address: bigint
  #shadow: HostShadow | undefined

  constructor(address: bigint, byteLength: number, end: () => void) {
    super(end)
    this.address = address
    this.byteLength = byteLength
  }

  /** What the host knows of the bytes; of small buffers only. */
  get shadow(): HostShadow | undefined {
    return this.#shadow
  }

  /** Says what was copied in. */
  wrote(byteOffset: number, bytes: Uint8Array): void {
    if (this.byteLength > mostShadowBytes) return
    this.#shadow ??= new HostShadow(this.byteLength)
    this.#shadow.write(byteOffset, bytes)
  }
}

/** Page-locked host memory. */
export class PinnedBuffer extends Owned implements HostBuffer {
  readonly byteLength: number
  readonly address: bigint
  /** Detached, and so without bytes, once the memory is gone. */
  readonly bytes: Uint8Array
  readonly #memory: PinnedMemory

  constructor(memory: PinnedMemory, byteLength: number) {
    super(() => memory.release())
    this.#memory = memory
    this.address = memory.address
    this.byteLength = byteLength
    this.bytes = new Uint8Array(memory.buffer, 0, byteLength)
  }

  /** What was page-locked at once, with this among it. */
  get region(): object {
    return this.#memory.region
  }

  /** Where kernels see the memory; undefined where they do not, or not yet. */
  get deviceAddress(): bigint | undefined {
    return this.#memory.deviceAddress()
  }

  /** Settles once the memory is page-locked; undefined where it is. */
  get locking(): Promise<void> | undefined {
    return this.#memory.locking()
  }
}
