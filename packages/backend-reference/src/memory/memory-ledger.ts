import {
  doneEvent,
  type Clock,
  type MemoryStats,
  OutOfMemoryError,
  type QueueEvent,
  SettableEvent,
  UsageError,
} from '@flexgen/spec'

/** What memory is held for. */
export type MemoryUse = 'device' | 'host' | 'prepared' | 'workspace'

/** Counts held bytes by use and keeps the limit on device, prepared and workspace bytes. */
export class MemoryLedger {
  readonly #clock: Clock
  readonly #held: Record<MemoryUse, number> = { device: 0, host: 0, prepared: 0, workspace: 0 }
  /** Device bytes whose free waits for events. */
  #leavingBytes = 0
  #peakBytes = 0
  #limitBytes: number
  #waiting: { readonly limitBytes: number; readonly event: SettableEvent }[] = []
  #closed = false

  constructor(clock: Clock, limitBytes: number) {
    this.#clock = clock
    this.#limitBytes = limitBytes
  }

  /** @throws {FlexgenError} `OUT_OF_MEMORY` where the limit would be passed; then nothing is counted */
  take(use: MemoryUse, sizeBytes: number, what: string): void {
    if (use !== 'host' && this.#limitedBytes() + sizeBytes > this.#limitBytes) {
      throw new OutOfMemoryError(
        `${what} needs ${sizeBytes} bytes, but ${this.#limitedBytes()} of ${this.#limitBytes} bytes are held`,
      )
    }
    this.#held[use] += sizeBytes
    this.#peakBytes = Math.max(this.#peakBytes, this.#limitedBytes())
  }

  give(use: MemoryUse, sizeBytes: number): void {
    if (this.#closed) return
    this.#held[use] -= sizeBytes
    this.#settleLimits()
  }

  /** Says that device bytes will be given back without further ado. */
  announce(sizeBytes: number): void {
    this.#leavingBytes += sizeBytes
  }

  /** Gives announced device bytes back. */
  giveAnnounced(sizeBytes: number): void {
    this.#leavingBytes -= sizeBytes
    this.give('device', sizeBytes)
  }

  /** The new limit holds for allocations at once; the event settles once what is held is below it. */
  setLimit(limitBytes: number): QueueEvent {
    if (!(limitBytes >= 0)) throw new UsageError(`a memory limit is a number of bytes, not ${limitBytes}`)
    const event = new SettableEvent()
    const leastBytes = this.#held.device - this.#leavingBytes + this.#held.prepared
    if (leastBytes > limitBytes) {
      const message = `a limit of ${limitBytes} bytes cannot be held: buffers and prepared kernels hold ${leastBytes} bytes`
      event.settle(this.#clock.now(), new OutOfMemoryError(message))
      return event
    }
    this.#limitBytes = limitBytes
    if (this.#limitedBytes() <= limitBytes) return doneEvent
    this.#waiting.push({ limitBytes, event })
    return event
  }

  stats(): MemoryStats {
    return {
      deviceBytes: this.#held.device,
      hostBytes: this.#held.host,
      preparedBytes: this.#held.prepared,
      workspaceBytes: this.#held.workspace,
      peakDeviceBytes: this.#peakBytes,
    }
  }

  /** Everything is given back; whatever is given later was counted here. */
  close(): void {
    this.#closed = true
    for (const use of ['device', 'host', 'prepared', 'workspace'] as const) this.#held[use] = 0
    this.#settleLimits()
  }

  #limitedBytes(): number {
    return this.#held.device + this.#held.prepared + this.#held.workspace
  }

  #settleLimits(): void {
    const heldBytes = this.#limitedBytes()
    const met = this.#waiting.filter(({ limitBytes }) => heldBytes <= limitBytes)
    if (met.length === 0) return
    this.#waiting = this.#waiting.filter((entry) => !met.includes(entry))
    for (const { event } of met) event.settle(this.#clock.now())
  }
}
