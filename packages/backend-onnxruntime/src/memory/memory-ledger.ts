import { MemoryLimit } from '@flexgen/backend-kit'
import { type Clock, type MemoryStats, OutOfMemoryError, type QueueEvent } from '@flexgen/spec'

/** What memory is counted for; workspace is measured, not counted. */
export type MemoryUse = 'device' | 'host' | 'prepared'

/** Memory that kernels need to run, as the runtime holds it now. */
export interface Workspace {
  /** Bytes held now, given what prepared kernels hold: the runtime tells only both together. */
  heldBytes(preparedBytes: number): number
  /** Gives back what no run uses, so many bytes of it at least, as far as there are. */
  trim(leastBytes: number): void
  /** Whether it stays as it is while the limit is kept, since giving back stops the device. */
  readonly isKept?: boolean
  /** Bytes that a run with this need may add to what is held; by default, what the need passes that by. */
  missingBytes?(need: WorkspaceNeed): number
  /** Takes what a run may need before it starts, where there is a limit. @throws {FlexgenError} `OUT_OF_MEMORY` */
  reserve?(need: WorkspaceNeed): void
}

/** Workspace of a run, or of the largest runs: both are kept between runs, and serve runs of all kernels. */
export interface WorkspaceNeed {
  /** Scratch of our own. */
  readonly scratchBytes: number
  /** Upper estimate of what the runtime allocates. */
  readonly arenaBytes: number
}

/** Counts held bytes by use and keeps the limit on device, prepared and workspace bytes. */
export class MemoryLedger {
  readonly #limit: MemoryLimit
  readonly #workspace: Workspace
  readonly #held: Record<MemoryUse, number> = { device: 0, host: 0, prepared: 0 }
  /** Device bytes whose free waits for events. */
  #leavingBytes = 0
  #peakBytes = 0
  /** Estimated workspace of the runs in flight, and the most that it ever was. */
  #running: WorkspaceNeed = noNeed
  #most: WorkspaceNeed = noNeed
  #isClosed = false

  constructor(clock: Clock, workspace: Workspace) {
    this.#limit = new MemoryLimit(clock)
    this.#workspace = workspace
  }

  /** Whether there is a limit. */
  get isLimited(): boolean {
    return this.#limit.bytes !== Number.POSITIVE_INFINITY
  }

  /** Whether so many bytes more are within the limit, and nobody waits for it to be held. */
  hasRoom(sizeBytes: number): boolean {
    return !this.#limit.isAwaited && this.#limitedBytes() + sizeBytes <= this.#limit.bytes
  }

  /** @throws {FlexgenError} `OUT_OF_MEMORY` where the limit would be passed; then nothing is counted */
  take(use: MemoryUse, sizeBytes: number, what: string): void {
    if (use !== 'host') this.#makeRoom(() => sizeBytes, what)
    this.#held[use] += sizeBytes
    if (use !== 'host') this.#limitedBytes()
  }

  give(use: MemoryUse, sizeBytes: number): void {
    if (this.#isClosed) return
    this.#limitedBytes()
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

  /**
   * Makes sure that a run may use so much workspace; `leaveRun` follows with the same need.
   * @throws {FlexgenError} `OUT_OF_MEMORY`
   */
  enterRun(need: WorkspaceNeed, what: string): void {
    const wanted = plus(this.#running, need, 1)
    if (this.isLimited) {
      if (this.#missingBytes(wanted) > 0) this.#makeRoom(() => this.#missingBytes(wanted), what)
      this.#workspace.reserve?.(wanted)
    }
    this.#running = wanted
    this.#most = {
      scratchBytes: Math.max(this.#most.scratchBytes, wanted.scratchBytes),
      arenaBytes: Math.max(this.#most.arenaBytes, wanted.arenaBytes),
    }
  }

  /**
   * Ends a run. The runtime's arena grows in pieces, and runs of other shapes may leave pieces that fit nothing: what
   * passes the estimate of the largest runs so far, or the limit, is given back.
   */
  leaveRun(need: WorkspaceNeed): void {
    this.#running = plus(this.#running, need, -1)
    if (this.#isClosed) return
    // What is kept only grows, so that whoever counts next sees it; to ask the runtime takes as long as much else of a run.
    if (this.#workspace.isKept === true && !this.isLimited) return
    const mostBytes = this.#most.scratchBytes + this.#most.arenaBytes
    const overLimit = this.#limitedBytes() - this.#limit.bytes
    const tooMuch = this.#workspace.isKept === true ? 0 : this.#workspaceBytes() - mostBytes
    if (overLimit > 0 || tooMuch > 0) this.#workspace.trim(Math.max(overLimit, tooMuch))
    this.#settleLimits()
  }

  /** The new limit holds for allocations at once; the event settles once what is held is below it. */
  setLimit(limitBytes: number): QueueEvent {
    const overLimit = this.#limitedBytes() - limitBytes
    if (overLimit > 0) this.#workspace.trim(overLimit)
    // What stays of it where the device has stopped stays for good; elsewhere runs that are under way hold some.
    const stayingBytes = this.#workspace.isKept === true ? this.#workspaceBytes() : 0
    return this.#limit.set(limitBytes, {
      leastBytes: this.#held.device - this.#leavingBytes + this.#held.prepared + stayingBytes,
      holders: 'buffers, prepared kernels and what the runtime keeps',
      heldBytes: () => this.#limitedBytes(),
    })
  }

  stats(): MemoryStats {
    if (!this.#isClosed) this.#limitedBytes()
    return {
      deviceBytes: this.#held.device,
      hostBytes: this.#held.host,
      preparedBytes: this.#held.prepared,
      workspaceBytes: this.#isClosed ? 0 : this.#workspaceBytes(),
      peakDeviceBytes: this.#peakBytes,
    }
  }

  /** Everything is given back. */
  close(): void {
    this.#limitedBytes()
    this.#isClosed = true
    for (const use of ['device', 'host', 'prepared'] as const) this.#held[use] = 0
    this.#limit.settle(0)
  }

  /** @param more bytes that are to come, which may depend on what is held */
  #makeRoom(more: () => number, what: string): void {
    const overLimit = this.#limitedBytes() + more() - this.#limit.bytes
    if (overLimit <= 0) return
    this.#workspace.trim(overLimit)
    const heldBytes = this.#limitedBytes()
    const sizeBytes = more()
    if (heldBytes + sizeBytes <= this.#limit.bytes) return
    throw new OutOfMemoryError(
      `${what} needs ${sizeBytes} bytes, but ${heldBytes} of the ${this.#limit.bytes} bytes allowed are held`,
      { hint: `it fits into a limit of ${heldBytes + sizeBytes} bytes` },
    )
  }

  /** Bytes that runs with this need may add to what is held. */
  #missingBytes(need: WorkspaceNeed): number {
    const own = this.#workspace.missingBytes?.(need)
    return own ?? need.scratchBytes + need.arenaBytes - this.#workspaceBytes()
  }

  #workspaceBytes(): number {
    return this.#workspace.heldBytes(this.#held.prepared)
  }

  /** What counts for the limit, remembered where it is the largest so far. */
  #limitedBytes(): number {
    const sizeBytes = this.#held.device + this.#held.prepared + this.#workspaceBytes()
    this.#peakBytes = Math.max(this.#peakBytes, sizeBytes)
    return sizeBytes
  }

  #settleLimits(): void {
    if (this.#limit.isAwaited) this.#limit.settle(this.#limitedBytes())
  }
}

const noNeed: WorkspaceNeed = { scratchBytes: 0, arenaBytes: 0 }

function plus(one: WorkspaceNeed, other: WorkspaceNeed, sign: 1 | -1): WorkspaceNeed {
  return {
    scratchBytes: one.scratchBytes + sign * other.scratchBytes,
    arenaBytes: one.arenaBytes + sign * other.arenaBytes,
  }
}
