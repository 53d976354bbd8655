import { MemoryLimit } from '@flexgen/backend-kit'
import { type Clock, type MemoryStats, OutOfMemoryError, type QueueEvent } from '@flexgen/spec'

/** What memory is counted for; workspace is measured, not counted. */
export type MemoryUse = 'device' | 'host' | 'prepared'

/** Memory that runs share, as it is held now. */
export interface Workspace {
  readonly heldBytes: number
  /** Gives back what no run uses. */
  trim(): void
}

/** Counts held bytes by use and keeps the limit on device, prepared and workspace bytes. */
export class MemoryLedger {
  readonly #limit: MemoryLimit
  readonly #workspace: Workspace
  readonly #held: Record<MemoryUse, number> = { device: 0, host: 0, prepared: 0 }
  /** Device bytes whose free waits for events. */
  #leavingBytes = 0
  #peakBytes = 0
  #isClosed = false

  constructor(clock: Clock, workspace: Workspace) {
    this.#limit = new MemoryLimit(clock)
    this.#workspace = workspace
  }

  /** @throws {FlexgenError} `OUT_OF_MEMORY` where the limit would be passed; then nothing is counted */
  take(use: MemoryUse, sizeBytes: number, what: string): void {
    if (use !== 'host') this.#makeRoom(sizeBytes, what)
    this.#held[use] += sizeBytes
    this.#limitedBytes()
  }

  give(use: MemoryUse, sizeBytes: number): void {
    if (this.#isClosed) return
    this.#held[use] -= sizeBytes
    this.#settleLimits()
  }

  /** Says that device bytes will be given back as soon as some events have ended. */
  announce(sizeBytes: number): void {
    this.#leavingBytes += sizeBytes
  }

  /** Gives announced device bytes back. */
  giveAnnounced(sizeBytes: number): void {
    this.#leavingBytes -= sizeBytes
    this.give('device', sizeBytes)
  }

  /** Makes sure that workspace may grow to so many bytes. @throws {FlexgenError} `OUT_OF_MEMORY` */
  growWorkspace(sizeBytes: number, what: string): void {
    const missingBytes = sizeBytes - this.#workspace.heldBytes
    if (missingBytes > 0) this.#makeRoom(missingBytes, what, sizeBytes)
  }

  /** After workspace has changed or a run has ended: the peak, and limits that wait. */
  workspaceChanged(): void {
    if (this.#isClosed) return
    if (this.#limitedBytes() > this.#limit.bytes) this.#workspace.trim()
    this.#settleLimits()
  }

  /** The new limit holds for allocations at once; the event settles once what is held is below it. */
  setLimit(limitBytes: number): QueueEvent {
    return this.#limit.set(limitBytes, {
      leastBytes: this.#held.device - this.#leavingBytes + this.#held.prepared,
      holders: 'buffers and prepared kernels',
      heldBytes: () => {
        if (this.#limitedBytes() > limitBytes) this.#workspace.trim()
        return this.#limitedBytes()
      },
    })
  }

  stats(): MemoryStats {
    return {
      deviceBytes: this.#held.device,
      hostBytes: this.#held.host,
      preparedBytes: this.#held.prepared,
      workspaceBytes: this.#isClosed ? 0 : this.#workspace.heldBytes,
      peakDeviceBytes: this.#peakBytes,
    }
  }

  /** Everything is given back. */
  close(): void {
    this.#isClosed = true
    for (const use of ['device', 'host', 'prepared'] as const) this.#held[use] = 0
    this.#limit.settle(0)
  }

  #makeRoom(sizeBytes: number, what: string, whole: number = sizeBytes): void {
    if (this.#limitedBytes() + sizeBytes <= this.#limit.bytes) return
    this.#workspace.trim()
    const heldBytes = this.#limitedBytes()
    // Workspace that was trimmed is needed as a whole again.
    if (heldBytes + (this.#workspace.heldBytes === 0 ? whole : sizeBytes) <= this.#limit.bytes) return
    throw new OutOfMemoryError(
      `${what} needs ${whole} bytes, but ${heldBytes} of the ${this.#limit.bytes} bytes allowed are held`,
    )
  }

  /** What counts for the limit, remembered where it is the largest so far. */
  #limitedBytes(): number {
    const sizeBytes = this.#held.device + this.#held.prepared + this.#workspace.heldBytes
    this.#peakBytes = Math.max(this.#peakBytes, sizeBytes)
    return sizeBytes
  }

  #settleLimits(): void {
    if (this.#limit.isAwaited) this.#limit.settle(this.#limitedBytes())
  }
}
