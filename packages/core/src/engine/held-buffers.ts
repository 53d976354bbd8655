import type { Backend, CacheBuffer, CacheSpec, DeviceBuffer, HostBuffer, Queue } from '@flexgen/spec'
import { spanOf } from '@flexgen/spec'

/** Bytes that JavaScript sees and the buffer that kernels bind for them: one and the same on a host-visible backend. */
export interface MirroredBuffer {
  readonly host: HostBuffer
  readonly device: DeviceBuffer
}

/** Buffers of one backend that are freed all together; what was allocated before a failure is freed like the rest. */
export class HeldBuffers {
  readonly #backend: Backend
  readonly #buffers: (HostBuffer | DeviceBuffer | CacheBuffer)[] = []

  constructor(backend: Backend) {
    this.#backend = backend
  }

  allocate(byteLength: number): DeviceBuffer {
    return this.#hold(this.#backend.allocate(byteLength))
  }

  allocateHost(byteLength: number): HostBuffer {
    return this.#hold(this.#backend.allocateHost(byteLength))
  }

  allocateCache(spec: CacheSpec, rows: number): CacheBuffer {
    return this.#hold(this.#backend.allocateCache(spec, rows))
  }

  allocateMirrored(byteLength: number): MirroredBuffer {
    const host = this.allocateHost(byteLength)
    return { host, device: this.#backend.device.hostVisible ? host : this.allocate(byteLength) }
  }

  /** Frees everything; nothing may use it any more. */
  free(): void {
    for (const buffer of this.#buffers.splice(0)) this.#backend.free(buffer)
  }

  #hold<Buffer extends HostBuffer | DeviceBuffer | CacheBuffer>(buffer: Buffer): Buffer {
    this.#buffers.push(buffer)
    return buffer
  }
}

/** Queues the copy to the device of the first bytes of a buffer; nothing where kernels read the host bytes. */
export function copyMirrorIn(queue: Queue, { host, device }: MirroredBuffer, byteLength: number): void {
  if (device !== host) queue.copyIn(spanOf(device, 0, byteLength), spanOf(host, 0, byteLength))
}
