import type { SweepUse } from './sweep-use.ts'

/** What can be moved between two sweeps, and what it weighs. */
export interface PlacementFacts {
  /** Bytes that are free where pins and KV of the device live. */
  readonly roomBytes: number
  /** Bytes of matrices that are pinned, and of those that stream on every sweep. */
  readonly pinnedBytes: number
  readonly streamedBytes: number
  /** Bytes of whole matrices that the room would take. */
  readonly pinnableBytes: number
  /** KV by (layer, sequence): on the device, in RAM attended on the host, and in RAM streamed to the device. */
  readonly deviceRows: number
  readonly hostRows: number
  readonly streamedRows: number
  /** KV on disk; where device and RAM are one memory, all other KV counts as on the device. */
  readonly diskRows: number
  /** Bytes that are free where KV from the disk may rest. */
  readonly diskRoomBytes: number
  /** Memory that a row takes, and what of it is in use now. */
  readonly rowBytes: number
  readonly usedRowBytes: number
  /** Whether KV in RAM may be attended on the host as well as streamed. */
  readonly canShift: boolean
}

/** What a sweep took. */
export interface SweepFacts {
  readonly seconds: number
  readonly use: SweepUse
  /** Sweeps that will follow, as far as it is known. */
  readonly remainingSweeps: number
}

/** Amounts that move. */
export interface Moves {
  readonly pinBytes: number
  readonly dropBytes: number
  readonly promoteRows: number
  readonly demoteRows: number
  /** Rows in RAM that are to be attended on the host, or streamed. */
  readonly toHostRows: number
  readonly toStreamRows: number
  /** Rows on disk that are to come to memory, and rows in RAM that are to go there. */
  readonly fromDiskRows: number
  readonly toDiskRows: number
}

/** What to move before the next sweep. */
export interface Decision extends Moves {
  /** Free room is filled, KV in RAM is attended elsewhere, or a decision is taken back. */
  readonly what: 'fill' | 'shift' | 'roll back'
  readonly why: string
  readonly predictedGainSeconds: number
  /** Gives up KV that is on its way. */
  readonly abortsMoves?: boolean
}

/** What came of a decision. */
export interface Outcome {
  readonly decision: Decision
  readonly measuredGainSeconds: number
}

/** A rule of what to move. */
export interface Reallocator {
  /** Takes in a decode sweep. @returns what came of the last decision, once that can be said */
  observe(facts: SweepFacts): Outcome | undefined
  /** What to move now; undefined for nothing. */
  decide(facts: PlacementFacts): Decision | undefined
  /** Told what could be done of a decision: less where there was no room. */
  carriedOut(moves: Moves): void
  /** Forgets what was measured: after it the same placement takes another time. */
  reset(): void
}
