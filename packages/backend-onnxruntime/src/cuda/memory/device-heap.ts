import { OutOfMemoryError } from '@flexgen/spec'
import type { CudaDriver } from '../driver/cuda-driver.ts'

/** Memory of the device, as the driver gives it. */
export class DeviceHeap {
  readonly #driver: CudaDriver
  #trim: () => boolean = () => false

  constructor(driver: CudaDriver) {
    this.#driver = driver
  }

  /** @param trim where the driver has nothing left, gives back what is kept in vain; says whether there was any */
  onShortage(trim: () => boolean): void {
    this.#trim = trim
  }

  /** Takes memory of the device, once more where there was none and something was kept in vain. */
  retrying<Taken>(take: () => Taken): Taken {
    try {
      return take()
    } catch (error) {
      if (!(error instanceof OutOfMemoryError) || !this.#trim()) throw error
      return take()
    }
  }

  /** Gives at least one byte. @throws {FlexgenError} `OUT_OF_MEMORY` with what is free */
  allocate(byteLength: number): bigint {
    try {
      return this.retrying(() =>
        this.#driver.create((out) => this.#driver.call.memoryAllocate(out, Math.max(byteLength, 1))),
      )
    } catch (cause) {
      if (!(cause instanceof OutOfMemoryError)) throw cause
      const { freeBytes, totalBytes } = this.usage()
      throw new OutOfMemoryError(
        `the GPU refused ${byteLength} bytes: ${freeBytes} of its ${totalBytes} bytes are free (${cause.message})`,
        { hint: 'other programs may hold some of it: nvidia-smi shows them', cause },
      )
    }
  }

  /** What of the device is free, whoever holds the rest. */
  usage(): { readonly freeBytes: number; readonly totalBytes: number } {
    const [free, total] = [new BigUint64Array(1), new BigUint64Array(1)]
    this.#driver.call.memoryGetInfo(free, total)
    return { freeBytes: Number(free[0]), totalBytes: Number(total[0]) }
  }

  /** What uses it must have ended; the device is waited for. */
  free(address: bigint): void {
    this.#driver.call.memoryFree(address)
  }
}
