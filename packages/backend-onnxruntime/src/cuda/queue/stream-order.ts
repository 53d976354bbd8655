import type { CudaDriver } from '../driver/cuda-driver.ts'
import type { CudaHandle } from '../driver/cuda-functions.ts'
import type { EventPool } from './event-pool.ts'

/** The place of an operation in the order of one queue. */
export interface IssuedOrder {
  readonly order: StreamOrder
  readonly number: number
}

interface Marker {
  readonly event: CudaHandle
  readonly number: number
}

/**
 * What was issued to the device for one queue, in order: the streams that it runs on, one at a time, and the events
 * recorded behind its operations. Not every operation has an event; a later one speaks for it.
 */
export class StreamOrder {
  readonly #driver: CudaDriver
  readonly #events: EventPool
  readonly #markers: Marker[] = []
  readonly #awaited = new Map<StreamOrder, number>()
  #stream: CudaHandle
  #issuedCount = 0
  #markedCount = 0
  #reachedCount = 0

  constructor(driver: CudaDriver, events: EventPool, stream: CudaHandle) {
    this.#driver = driver
    this.#events = events
    this.#stream = stream
  }

  /** The stream on which the next operation goes. */
  get stream(): CudaHandle {
    return this.#stream
  }

  /** Operations that have ended. */
  get reachedCount(): number {
    return this.#reachedCount
  }

  get isBusy(): boolean {
    return this.#reachedCount < this.#issuedCount
  }

  /** Goes on to another stream, behind everything issued so far. */
  moveTo(stream: CudaHandle): void {
    if (stream === this.#stream) return
    if (this.isBusy) this.#driver.call.streamWaitEvent(stream, this.#mark(this.#issuedCount), 0)
    this.#stream = stream
  }

  /** Counts an operation that was issued. @param isMarked whether others are likely to wait for it alone */
  add(isMarked: boolean): IssuedOrder {
    const number = ++this.#issuedCount
    if (isMarked) this.#mark(number)
    return { order: this, number }
  }

  /** Counts an operation that has failed half issued; undefined where the device has failed altogether. */
  addFailed(): IssuedOrder | undefined {
    try {
      return this.add(true)
    } catch {
      return undefined
    }
  }

  /** Lets an operation that others will wait for have its event now, before more is issued behind it. */
  markUpTo(number: number): void {
    if (number > this.#reachedCount) this.#mark(number)
  }

  /** Lets everything issued from now on wait for an operation of another queue. */
  await({ order, number }: IssuedOrder): void {
    if (order === this || number <= order.#reachedCount) return
    if (number <= (this.#awaited.get(order) ?? 0)) return
    this.#awaited.set(order, number)
    this.#driver.call.streamWaitEvent(this.#stream, order.#mark(number), 0)
  }

  /** Finds out how far the device has come; says whether further than before. */
  poll(): boolean {
    if (this.#markedCount < this.#issuedCount) this.#mark(this.#issuedCount)
    const before = this.#reachedCount
    while (this.#markers[0] !== undefined && this.#driver.isReached(this.#markers[0].event)) {
      const { event, number } = this.#markers.shift()!
      this.#reachedCount = number
      this.#events.give(event)
    }
    if (!this.isBusy) this.#awaited.clear()
    return this.#reachedCount > before
  }

  /** After the device has failed: nothing of it will ever be reached. */
  abandon(): void {
    this.#reachedCount = this.#markedCount = this.#issuedCount
    this.#markers.length = 0
  }

  /** The first event that lies behind an operation. */
  #mark(number: number): CudaHandle {
    if (number > this.#markedCount) {
      this.#markers.push({ event: this.#events.record(this.#stream), number: this.#issuedCount })
      this.#markedCount = this.#issuedCount
    }
    return this.#markers.find((marker) => marker.number >= number)!.event
  }
}
