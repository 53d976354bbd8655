import type { CudaDriver } from '../driver/cuda-driver.ts'
import type { CudaHandle } from '../driver/cuda-functions.ts'

const withoutTiming = 2

/** Events of the driver, used again and again; those with timing cost more. */
export class EventPool {
  readonly #driver: CudaDriver
  readonly #flags: number
  readonly #free: CudaHandle[] = []

  constructor(driver: CudaDriver, isTimed: boolean) {
    this.#driver = driver
    this.#flags = isTimed ? 0 : withoutTiming
  }

  /** An event that was recorded on a stream just now. */
  record(stream: CudaHandle): CudaHandle {
    let event = this.#free.pop()
    if (event === undefined) {
      event = this.#driver.create((out) => this.#driver.call.eventCreate(out, this.#flags))
    }
    this.#driver.call.eventRecord(event, stream)
    return event
  }

  /** Takes back an event that was reached; whoever waits on a stream for it may still do so. */
  give(event: CudaHandle): void {
    this.#free.push(event)
  }

  /** Ends all events; every one must have been given back. */
  close(): void {
    for (const event of this.#free.splice(0)) this.#driver.call.eventDestroy(event)
  }
}
