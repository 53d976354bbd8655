import type { DType, MemoryStats, Policy } from '@flexgen/spec'
import type { RunPlan } from '../plan/run-plan.ts'
import type { TierBytes } from '../placement/summary.ts'
import type { ReplacementReport } from '../replacement/replacement-options.ts'
import type { BytesByKind } from './disk-traffic.ts'

/** Requested and realised shares of one kind of data, in percent. */
export interface PlacementShare {
  readonly requested: TierBytes
  readonly realised: TierBytes
  /** Bytes by tier that the realised shares stand for. */
  readonly bytes: TierBytes
}

/** Bytes that one sweep (one token of every live sequence) moved. */
export interface SweepTraffic {
  readonly phase: 'prefill' | 'decode'
  readonly liveSequences: number
  readonly durationSeconds: number
  /** Read from the disk tier: weights from the checkpoint's files, or from the offload file where they lie in none. */
  readonly diskBytesRead: BytesByKind
  readonly diskBytesWritten: BytesByKind
  /** Seconds by task, where a breakdown was asked for: `loadWeight`, `compute attention`, `storeCache`, ... */
  readonly taskSeconds?: Readonly<Record<string, number>>
}

/** What a run did: FlexGen's figures, placement, traffic and memory. */
export interface RunReport {
  readonly model: string
  readonly backend: string
  readonly device: string
  /** Dtypes of activations and of KV. */
  readonly computeDtype: DType
  readonly cacheDtype: DType
  /** What users should know of the run: fall-backs, settings that did not apply. */
  readonly notices: readonly string[]
  readonly policy: Policy
  readonly placement: {
    readonly weights: PlacementShare
    readonly cache: PlacementShare
    readonly activations: PlacementShare
  }
  readonly plan: RunPlan
  readonly sequences: number
  readonly promptTokens: number
  readonly newTokens: number
  readonly loadSeconds: number
  /** Time to the first token, summed over the blocks. */
  readonly prefillSeconds: number
  /** Time of all further tokens, summed over the blocks. */
  readonly decodeSeconds: number
  readonly prefillTokensPerSecond: number
  readonly decodeTokensPerSecond: number
  /** New tokens over prefill and decode time. */
  readonly totalTokensPerSecond: number
  readonly sweeps: readonly SweepTraffic[]
  /** What re-placement did, where placement may change. */
  readonly replacement?: ReplacementReport
  readonly memory: MemoryStats
  readonly peakRamBytes: number
  readonly peakDeviceBytes: number
  readonly peakDiskBytes: number
}
