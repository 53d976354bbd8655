import { MemoryLimit } from '@flexgen/backend-kit'
import { type Clock, type MemoryStats, OutOfMemoryError, type QueueEvent } from '@flexgen/spec'

/** What memory is held for. */
export type MemoryUse = 'device' | 'host' | 'prepared' | 'workspace'

/** A memory that several backends share: the RAM of the machine. */
export interface SharedMemory {
  limitBytes: number
  heldBytes: number
  /** A smaller limit that holds once no more than that is held: whoever takes RAM away waits until it is given back. */
  comingLimitBytes?: number | undefined
}

/** Counts held bytes by use, and keeps the limits of device and RAM. */
export class MemoryLedger {
  readonly #limit: MemoryLimit
  readonly #ram: SharedMemory
  readonly #held: Record<MemoryUse, number> = { device: 0, host: 0, prepared: 0, workspace: 0 }
  /** Whether the device's bytes are RAM, too. */
  readonly #isOneMemory: boolean
  /** Bytes that events will give back without further ado. */
  #leavingBytes = 0
  #peakBytes = 0
  #isClosed = false

  constructor(clock: Clock, limitBytes: number, ram: SharedMemory, isOneMemory: boolean) {
    this.#limit = new MemoryLimit(clock, limitBytes)
    this.#ram = ram
    this.#isOneMemory = isOneMemory
  }

  /** @throws {OutOfMemoryError} where a limit would be passed; then nothing is counted */
  take(use: MemoryUse, sizeBytes: number, what: string): void {
    const limited = this.limitedBytes
    if (use !== 'host') refuseBeyond(this.#limit.bytes, limited, sizeBytes, what)
    if (this.#isRam(use)) {
      refuseBeyond(this.#ram.limitBytes, this.#ram.heldBytes, sizeBytes, what)
      this.#ram.heldBytes += sizeBytes
    }
    this.#held[use] += sizeBytes
    if (use !== 'host') this.#peakBytes = Math.max(this.#peakBytes, limited + sizeBytes)
  }

  give(use: MemoryUse, sizeBytes: number): void {
    if (this.#isClosed) return
    this.#held[use] -= sizeBytes
    if (this.#isRam(use)) {
      this.#ram.heldBytes -= sizeBytes
      settleRam(this.#ram)
    }
    if (this.#limit.isAwaited) this.#limit.settle(this.limitedBytes)
  }

  /** Counts device bytes that leave once events have ended; negative when they have left. */
  announce(sizeBytes: number): void {
    this.#leavingBytes += sizeBytes
  }

  /** The new limit holds for allocations at once; the event settles once what is held is below it. */
  setLimit(limitBytes: number): QueueEvent {
    return this.#limit.set(limitBytes, {
      leastBytes: this.#held.device - this.#leavingBytes + this.#held.prepared,
      holders: 'buffers and prepared kernels',
      heldBytes: () => this.limitedBytes,
    })
  }

  /** What the device has from now on; what is held already stays. */
  setCapacity(limitBytes: number): void {
    this.#limit.bytes = limitBytes
  }

  /** Bytes that count against the limit of the device. */
  get limitedBytes(): number {
    return this.#held.device + this.#held.prepared + this.#held.workspace
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

  /** Everything is given back. */
  close(): void {
    for (const use of ['device', 'host', 'prepared', 'workspace'] as const) this.give(use, this.#held[use])
    this.#isClosed = true
    this.#limit.settle(this.limitedBytes)
  }

  #isRam(use: MemoryUse): boolean {
    return use === 'host' || this.#isOneMemory
  }
}

/** Changes the limit of the RAM: at once where no more is held, else once that is so. */
export function limitRam(ram: SharedMemory, limitBytes: number): void {
  ram.comingLimitBytes = limitBytes
  settleRam(ram)
}

function settleRam(ram: SharedMemory): void {
  if (ram.comingLimitBytes === undefined || ram.heldBytes > ram.comingLimitBytes) return
  ram.limitBytes = ram.comingLimitBytes
  ram.comingLimitBytes = undefined
}

function refuseBeyond(limitBytes: number, heldBytes: number, sizeBytes: number, what: string): void {
  if (heldBytes + sizeBytes <= limitBytes) return
  throw new OutOfMemoryError(`${what} needs ${sizeBytes} bytes, but ${heldBytes} of ${limitBytes} bytes are held`)
}
