import type { CudaDevice } from '../driver/cuda-device.ts'
import type { DeviceHeap } from '../memory/device-heap.ts'
import type { PinnedMemory, PinnedSlabs } from '../memory/pinned-slabs.ts'

/** Page-locked bytes that one run uploads. */
export interface Upload {
  readonly address: bigint
  /** Where kernels see them; undefined where they do not. */
  readonly deviceAddress: bigint | undefined
  readonly bytes: Uint8Array
}

const grainBytes = 64 * 1024

/** Scratch of runs: as they follow each other on one stream, all share one piece of device memory. */
export class ComputeScratch {
  readonly #device: CudaDevice
  readonly #heap: DeviceHeap
  readonly #pinned: PinnedSlabs
  readonly #uploads: (Upload & { readonly memory: PinnedMemory })[] = []
  #address = 0n
  #sizeBytes = 0

  constructor(device: CudaDevice, heap: DeviceHeap, pinned: PinnedSlabs) {
    this.#device = device
    this.#heap = heap
    this.#pinned = pinned
  }

  /** Bytes held on the device. */
  get heldBytes(): number {
    return this.#sizeBytes
  }

  /** At least so many bytes for a run that is about to be issued. @throws {FlexgenError} `OUT_OF_MEMORY` */
  take(byteLength: number): bigint {
    if (byteLength > this.#sizeBytes) {
      this.trim()
      const sizeBytes = scratchBytes(byteLength)
      this.#address = this.#heap.allocate(sizeBytes)
      this.#sizeBytes = sizeBytes
    }
    return this.#address
  }

  /** Host bytes for an upload; `give` takes them back once it has ended. */
  takeUpload(byteLength: number): Upload {
    const index = this.#uploads.findIndex(({ bytes }) => bytes.byteLength >= byteLength)
    if (index >= 0) return this.#uploads.splice(index, 1)[0]!
    const memory = this.#pinned.allocate(scratchBytes(byteLength))
    const upload: Upload & { memory: PinnedMemory } = {
      memory,
      address: memory.address,
      deviceAddress: memory.deviceAddress(),
      bytes: new Uint8Array(memory.buffer),
    }
    return upload
  }

  giveUpload(upload: Upload): void {
    this.#uploads.push(upload as Upload & { readonly memory: PinnedMemory })
  }

  /** Gives the device memory back, once runs that use it have ended. */
  trim(): void {
    if (this.#sizeBytes === 0) return
    this.#device.driver.call.streamSynchronize(this.#device.computeStream)
    this.#heap.free(this.#address)
    this.#sizeBytes = 0
  }

  close(): void {
    this.trim()
    for (const { memory } of this.#uploads.splice(0)) memory.release()
  }
}

/** Bytes that scratch of a size takes. */
export function scratchBytes(byteLength: number): number {
  return Math.ceil(byteLength / grainBytes) * grainBytes
}
