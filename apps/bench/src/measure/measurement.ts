import type { ReplacementReport } from '@flexgen/core'
import type { RunPrediction } from 'flexgen'
import { z } from 'zod'
import type { ModelSizes } from '../formulas/model-sizes.ts'
import type { Latency, Work } from '../formulas/throughput.ts'
import type { DeviceLink } from './device-link.ts'

/** Bytes, or shares in percent, on each tier. */
export interface ByTier {
  readonly device: number
  readonly ram: number
  readonly disk: number
}

/** Where one kind of data was asked to lie and lay, in percent, and the bytes. */
export interface PlacedKind {
  readonly requested: ByTier
  readonly realised: ByTier
  readonly bytes: ByTier
}

/** Bytes by kind of data. */
export interface ByKind {
  readonly weights: number
  readonly cache: number
  readonly hidden: number
}

/** Name of a part of the run: the first token, or all others. */
export type Phase = 'prefill' | 'decode'

/** Bytes between disk and RAM in one phase. */
export interface DiskPhase {
  readonly phase: Phase
  readonly read: ByKind
  readonly written: ByKind
}

/** How long one queue worked in one phase, and what it moved. */
export interface QueueShare {
  readonly queue: string
  readonly phase: Phase
  /** Time in which at least one operation was under way. */
  readonly busySeconds: number
  readonly sizeBytes: number
}

/** How long one direction of the link to the device was in use in one phase, and what it moved. */
export interface LinkShare {
  readonly link: DeviceLink
  readonly phase: Phase
  /** Time in which a copy of any queue was under way. */
  readonly busySeconds: number
  readonly sizeBytes: number
}

/** Time of one kind of task in one phase; tasks of a breakdown run one at a time. */
export interface TaskShare {
  readonly phase: Phase
  /** Such as `loadWeight` or `compute attention`. */
  readonly task: string
  readonly seconds: number
}

/** One operation of the time line; times count from the start of the step. */
export interface TimelineSpan {
  readonly queue: string
  readonly label: string
  readonly startMs: number
  readonly endMs: number
  readonly sizeBytes: number
}

/** One decode step, queue by queue. */
export interface Timeline {
  /** Index of the token that the step made, counted from 0. */
  readonly token: number
  readonly durationMs: number
  readonly spans: readonly TimelineSpan[]
}

/** What was held at one moment. */
export interface MemorySample {
  /** Milliseconds since 1970. */
  readonly atMs: number
  /** Buffers and KV of the device, prepared weights and workspace included. */
  readonly deviceBytes: number
  /** Host buffers: the RAM tier and everything that passes through RAM. */
  readonly hostBytes: number
  /** Scratch on disk, the most so far. */
  readonly diskBytes: number
}

/** What one repetition of a case measured. */
export interface Measurement extends Latency {
  readonly backend: string
  readonly device: string
  readonly notices: readonly string[]
  readonly sizes: ModelSizes
  readonly work: Work & { readonly blockPrompts: number }
  readonly loadSeconds: number
  /** As in FlexGen's log: whether the decode time was projected, or a debug mode was on. */
  readonly projected: boolean
  /** Time of each phase that was really run; where decoding was projected it is less than `decodeSeconds`. */
  readonly phaseSeconds: Readonly<Record<Phase, number>>
  /** Seconds of every sweep that was run, block after block. */
  readonly sweepSeconds: readonly number[]
  readonly peakDeviceBytes: number
  readonly peakRamBytes: number
  readonly peakDiskBytes: number
  readonly plan: {
    /** Bytes of RAM that the run planned to hold at most, by part, with their `total`. */
    readonly ramBytes: Readonly<Record<string, number>>
    readonly deviceBytes: number
    readonly diskBytes: number
  }
  readonly placement: Readonly<Record<'weights' | 'cache' | 'activations', PlacedKind>>
  /** What was expected of the run beside what it did; absent where nothing was. */
  readonly prediction?: Omit<RunPrediction, 'limit'> & Partial<Pick<RunPrediction, 'limit'>>
  readonly disk: readonly DiskPhase[]
  readonly queues: readonly QueueShare[]
  /** Present where the device has memory of its own. */
  readonly deviceLinks?: readonly LinkShare[]
  /** Present where `--debug-mode breakdown` was given. */
  readonly tasks?: readonly TaskShare[]
  /** Absent where nothing was decoded. */
  readonly timeline?: Timeline
  readonly memory: readonly MemorySample[]
  /** What changed its place in the run; present where something may. */
  readonly replacement?: ReplacementReport
}

const amount = z.number().nonnegative()
const byTier = z.object({ device: amount, ram: amount, disk: amount }).meta({ id: 'ByTier' })
const byKind = z.object({ weights: amount, cache: amount, hidden: amount }).meta({ id: 'ByKind' })
const placedKind = z.object({ requested: byTier, realised: byTier, bytes: byTier }).meta({ id: 'PlacedKind' })
const phase = z.enum(['prefill', 'decode'])
const figures = z
  .object({
    prefillSeconds: amount,
    decodeStepSeconds: amount,
    peakRamBytes: amount,
    peakDeviceBytes: amount,
    peakDiskBytes: amount,
  })
  .meta({ id: 'RunFigures' })

const replacementStep = z.object({
  sweep: amount,
  what: z.enum(['fill', 'shift', 'roll back', 'budget', 'refused', 'random copy', 'before generation']),
  why: z.string(),
  pinnedBytes: amount,
  droppedBytes: amount,
  // Reports that were written before weights could leave RAM have neither.
  leftRamBytes: amount.default(0),
  returnedRamBytes: amount.default(0),
  promotedRows: amount,
  demotedRows: amount,
  toHostRows: amount,
  toStreamRows: amount,
  fromDiskRows: amount,
  toDiskRows: amount,
  predictedGainSeconds: z.exactOptional(z.number()),
  measuredGainSeconds: z.exactOptional(z.number()),
})
const memoryUse = z.object({ device: amount, ram: amount }).meta({ id: 'MemoryUse' })
const replacement = z
  .object({
    timing: z.union([z.literal(1), z.literal(2), z.literal(3)]),
    reallocator: z.enum(['measured', 'random-copy', 'own']),
    includePunish: z.boolean(),
    moveSeconds: amount.meta({
      description: 'time between sweeps that moves took; in the latencies with includePunish',
    }),
    decideSeconds: amount,
    movedCacheBytes: amount,
    steps: z.array(replacementStep),
    plannedPeak: memoryUse.meta({ description: 'the most that was planned at any moment, pins and KV included' }),
    timeline: z.array(
      z.object({
        sweep: amount,
        seconds: amount,
        pinnedBytes: amount,
        deviceRows: amount,
        hostRows: amount,
        streamedRows: amount,
        diskRows: amount,
        planned: memoryUse.meta({ description: 'what the run might hold from here on' }),
        limits: z.object({ device: amount.optional(), ram: amount.optional() }),
      }),
    ),
  })
  .meta({ id: 'Replacement' })

/** Schema of `Measurement`. */
export const measurementSchema: z.ZodType<Measurement> = z
  .object({
    backend: z.string(),
    device: z.string(),
    notices: z.array(z.string()),
    sizes: z.object({ decoderLayers: amount, hiddenSize: amount, vocabularySize: amount }),
    work: z.object({ prompts: amount, promptTokens: amount, newTokens: amount, blockPrompts: amount }),
    loadSeconds: amount,
    prefillSeconds: amount,
    decodeSeconds: amount,
    projected: z
      .boolean()
      .meta({ description: 'the decode time was projected from a part of the run, or a debug mode was on' }),
    phaseSeconds: z
      .object({ prefill: amount, decode: amount })
      .meta({ description: 'time that was really run; less than decodeSeconds where that was projected' }),
    sweepSeconds: z.array(amount).meta({ description: 'every sweep that was run, block after block' }),
    peakDeviceBytes: amount,
    peakRamBytes: amount,
    peakDiskBytes: amount,
    plan: z.object({ ramBytes: z.record(z.string(), amount), deviceBytes: amount, diskBytes: amount }),
    placement: z.object({ weights: placedKind, cache: placedKind, activations: placedKind }),
    prediction: z.exactOptional(
      z.object({
        hardware: z.string(),
        isAssumed: z.boolean(),
        predicted: figures,
        measured: figures,
        limit: z
          .exactOptional(z.object({ prefillSeconds: amount, decodeStepSeconds: amount }))
          .meta({ description: 'what the busiest link or kernels take alone, by the speeds of the profile' }),
        correction: z.object({ prefillFactor: amount, decodeFactor: amount, runs: amount }),
      }),
    ),
    disk: z.array(z.object({ phase, read: byKind, written: byKind })),
    queues: z.array(z.object({ queue: z.string(), phase, busySeconds: amount, sizeBytes: amount })),
    deviceLinks: z.exactOptional(
      z.array(z.object({ link: z.enum(['to device', 'from device']), phase, busySeconds: amount, sizeBytes: amount })),
    ),
    tasks: z.exactOptional(z.array(z.object({ phase, task: z.string(), seconds: amount }))),
    timeline: z.exactOptional(
      z.object({
        token: amount,
        durationMs: amount,
        spans: z.array(
          z.object({ queue: z.string(), label: z.string(), startMs: amount, endMs: amount, sizeBytes: amount }),
        ),
      }),
    ),
    memory: z.array(z.object({ atMs: amount, deviceBytes: amount, hostBytes: amount, diskBytes: amount })),
    replacement: z.exactOptional(replacement),
  })
  .meta({ id: 'Measurement' })
