import type { Reallocator } from './reallocator.ts'

/** When placement may change: 1 once before generation, 2 at every token, 3 on drift or at every n-th token (the seed's flag). */
export type ReplacementTiming = 1 | 2 | 3

/** How placement follows a run. */
export interface ReplacementOptions {
  readonly timing: ReplacementTiming
  /** With timing 3: tokens after which a decision is due even where nothing has drifted. */
  readonly everyTokens?: number | undefined
  /**
   * `measured` moves what measurements say is worth it; `random-copy` walks the percents of the KV at random and copies all
   * of it with synchronisation, as the fork did whose log this project starts from: a baseline. Or a rule of one's own.
   */
  readonly reallocator?: 'measured' | 'random-copy' | Reallocator | undefined
  /** Whether the time that moves take between sweeps counts in the latencies of the report; it is reported in any case. */
  readonly includePunish?: boolean | undefined
  /** Of the random walk. Default 0. */
  readonly seed?: number | undefined
}

/** Limits of memory that may change while the engine runs, in bytes; what is left out stays as it is. */
export interface EngineBudget {
  readonly device?: number | undefined
  readonly ram?: number | undefined
}

/** One decision or event of re-placement, for report and trace. */
export interface ReplacementStep {
  /** Sweeps before it, in this call of `generate`. */
  readonly sweep: number
  readonly what: 'fill' | 'shift' | 'roll back' | 'budget' | 'refused' | 'random copy' | 'before generation'
  readonly why: string
  readonly pinnedBytes: number
  readonly droppedBytes: number
  /** Bytes of matrices that left RAM, because the device has them pinned and files hold them, and that came back. */
  readonly leftRamBytes: number
  readonly returnedRamBytes: number
  readonly promotedRows: number
  readonly demotedRows: number
  /** Rows in RAM that are attended on the host from now on, or streamed. */
  readonly toHostRows: number
  readonly toStreamRows: number
  /** Rows that begin to come from the disk, and rows that begin to go there. */
  readonly fromDiskRows: number
  readonly toDiskRows: number
  /** Of a sweep, in seconds; absent where nothing was predicted or measured. */
  readonly predictedGainSeconds?: number
  readonly measuredGainSeconds?: number
}

/** What re-placement did in a run. */
export interface ReplacementReport {
  readonly timing: ReplacementTiming
  readonly reallocator: 'measured' | 'random-copy' | 'own'
  readonly includePunish: boolean
  /** Time between sweeps that moves and decisions took; counted in the latencies only with `includePunish`. */
  readonly moveSeconds: number
  /** Time that deciding took, without moves. */
  readonly decideSeconds: number
  /** Bytes of KV that were copied from one home to another. */
  readonly movedCacheBytes: number
  readonly steps: readonly ReplacementStep[]
  /** The most that was planned at any moment: what the run's plan says, with pins and KV where they were. */
  readonly plannedPeak: MemoryUse
  /** After every decode sweep: what was pinned, and KV rows on the device and elsewhere. */
  readonly timeline: readonly PlacementSample[]
}

/** Bytes that a run may hold; on a host, where device and RAM are one memory, `device` is 0. */
export interface MemoryUse {
  readonly device: number
  readonly ram: number
}

/** Where things were after a sweep: bytes of pinned matrices, KV by (layer, sequence). */
export interface PlacementSample {
  readonly sweep: number
  readonly seconds: number
  readonly pinnedBytes: number
  readonly deviceRows: number
  readonly hostRows: number
  readonly streamedRows: number
  readonly diskRows: number
  /** What the run might hold from here on, and the limits that this was within; a limit is absent where there is none. */
  readonly planned: MemoryUse
  readonly limits: EngineBudget
}
