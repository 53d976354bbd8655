import type { CudaDevice } from '../driver/cuda-device.ts'
import type { CudaHandle } from '../driver/cuda-functions.ts'

/**
 * Streams for the copies of queues. Every queue has its own up to a number that the device can run side by side;
 * more queues share them in turn, which keeps their order.
 */
export class StreamPool {
  readonly #device: CudaDevice
  readonly #streams: CudaHandle[] = []
  #next = 0

  constructor(device: CudaDevice) {
    this.#device = device
  }

  take(): CudaHandle {
    if (this.#streams.length < mostStreams) {
      const stream = this.#device.createStream()
      this.#streams.push(stream)
      return stream
    }
    return this.#streams[this.#next++ % mostStreams]!
  }

  close(): void {
    for (const stream of this.#streams.splice(0)) this.#device.driver.call.streamDestroy(stream)
  }
}

const mostStreams = 32
