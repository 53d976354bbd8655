import type { CudaDevice } from '../driver/cuda-device.ts'
import type { CudaHandle } from '../driver/cuda-functions.ts'

/** A stream for copies that belong to no queue. */
export class LoadingStream {
  readonly stream: CudaHandle
  readonly #device: CudaDevice

  constructor(device: CudaDevice) {
    this.#device = device
    this.stream = device.createStream()
  }

  /** Settles once everything copied so far has arrived, and leaves the event loop free until then. */
  async reached(): Promise<void> {
    const { driver } = this.#device
    const event = driver.create((out) => driver.call.eventCreate(out, 0))
    try {
      driver.call.eventRecord(event, this.stream)
      while (!driver.isReached(event)) await new Promise<void>((resolve) => void setImmediate(resolve))
    } finally {
      driver.call.eventDestroy(event)
    }
  }

  close(): void {
    this.#device.driver.call.streamDestroy(this.stream)
  }
}
