import { type Clock, type MemoryStats, OutOfMemoryError, type QueueEvent } from '@flexgen/spec'
import { MemoryLimit } from './memory-limit.ts'
import type { BufferLedger } from './memory-table.ts'

/**
 * What memory is held for: buffers, prepared weights (`tables` are those that lie outside of the arena, if there is one), and what
 * runs take for themselves.
 */
export type MemoryUse = 'device' | 'host' | 'prepared' | 'tables' | 'workspace'

/** The memory of an engine that grows and never shrinks, if it has one; prepared weights and runs share it. */
export interface EngineArena {
  /** Bytes that it holds now, beside what a fresh one has. */
  heldBytes(): number
  /** Bytes that it would hold if so many were in use at once. */
  heldBytesWith(usedBytes: number): number
  /** Upper estimate of what a fresh one holds once so many have been in use at once. */
  plannedBytes(usedBytes: number): number
  /** What it can hold at most. */
  readonly mostBytes: number
}

/** What a ledger starts with. */
export interface LedgerOptions {
  /** First limit on device, prepared and workspace bytes; none by default. */
  readonly limitBytes?: number | undefined
  readonly arena?: EngineArena | undefined
}

/** Counts held bytes by use and keeps the limit on device, prepared and workspace bytes. */
export class MemoryLedger implements BufferLedger {
  readonly #limit: MemoryLimit
  readonly #arena: EngineArena | undefined
  readonly #held: Record<MemoryUse, number> = { device: 0, host: 0, prepared: 0, tables: 0, workspace: 0 }
  /** Device bytes whose free waits for events. */
  #leavingBytes = 0
  #peakBytes = 0
  #isClosed = false

  constructor(clock: Clock, { limitBytes = Number.POSITIVE_INFINITY, arena }: LedgerOptions = {}) {
    this.#limit = new MemoryLimit(clock, limitBytes)
    this.#arena = arena
  }

  /** @throws {FlexgenError} `OUT_OF_MEMORY` where the limit would be passed; then nothing is counted */
  take(use: MemoryUse, sizeBytes: number, what: string): void {
    const inArena = use === 'prepared' || use === 'workspace'
    if (use !== 'host') {
      const nextBytes = inArena ? this.#outsideBytes() + this.#engineBytesWith(sizeBytes) : this.#limited() + sizeBytes
      if (nextBytes > this.#limit.bytes)
        throw new OutOfMemoryError(
          `${what} needs ${sizeBytes} bytes, but ${this.#limited()} of ${this.#limit.bytes} bytes are held`,
        )
    }
    const mostBytes = this.#arena?.mostBytes ?? Number.POSITIVE_INFINITY
    if (inArena && this.#engineBytesWith(sizeBytes) > mostBytes)
      throw new OutOfMemoryError(
        `${what} needs ${sizeBytes} bytes, but the engine has room for ${mostBytes} bytes in all`,
      )
    this.#held[use] += sizeBytes
    this.#limited()
  }

  give(use: MemoryUse, sizeBytes: number): void {
    if (this.#isClosed) return
    this.#limited()
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
    return this.#limit.set(limitBytes, {
      leastBytes:
        this.#outsideBytes() - this.#leavingBytes + Math.max(this.#held.prepared, this.#arena?.heldBytes() ?? 0),
      holders: 'buffers, prepared kernels and the engine',
      heldBytes: () => this.#limited(),
    })
  }

  /** Upper estimate of what runs take that use so many bytes at once, free room of the arena included. */
  plannedBytes(usedBytes: number): number {
    return this.#arena?.plannedBytes(usedBytes) ?? usedBytes
  }

  stats(): MemoryStats {
    if (!this.#isClosed) this.#limited()
    return {
      deviceBytes: this.#held.device,
      hostBytes: this.#held.host,
      preparedBytes: this.#held.prepared + this.#held.tables,
      workspaceBytes: this.#isClosed ? 0 : this.#engineBytes() - this.#held.prepared,
      peakDeviceBytes: this.#peakBytes,
    }
  }

  /** Everything is given back; whatever is given later was counted here. */
  close(): void {
    this.#isClosed = true
    for (const use of ['device', 'host', 'prepared', 'tables', 'workspace'] as const) this.#held[use] = 0
    this.#limit.settle(0)
  }

  /** What counts for the limit and does not lie in the engine. */
  #outsideBytes(): number {
    return this.#held.device + this.#held.tables
  }

  /** Prepared weights and workspace, free room of the arena included. */
  #engineBytes(): number {
    return Math.max(this.#held.prepared + this.#held.workspace, this.#arena?.heldBytes() ?? 0)
  }

  #engineBytesWith(extraBytes: number): number {
    const usedBytes = this.#held.prepared + this.#held.workspace + extraBytes
    return Math.max(usedBytes, this.#arena?.heldBytesWith(usedBytes) ?? 0)
  }

  /** What counts for the limit, remembered where it is the largest so far. */
  #limited(): number {
    const sizeBytes = this.#outsideBytes() + this.#engineBytes()
    this.#peakBytes = Math.max(this.#peakBytes, sizeBytes)
    return sizeBytes
  }

  #settleLimits(): void {
    if (this.#limit.isAwaited) this.#limit.settle(this.#limited())
  }
}
