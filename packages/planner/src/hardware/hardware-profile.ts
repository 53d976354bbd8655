import type { DType } from '@flexgen/spec'
import type { FlexgenConstants } from '../flexgen/flexgen-constants.ts'

/** A measured speed. */
export interface Rate {
  readonly bytesPerSecond: number
  /** (largest - smallest) / median of the repetitions; absent where there were none. */
  readonly spread?: number
}

/** Speeds between RAM and the device, by the kind of host memory. */
export interface HostLink {
  readonly pinned: Rate
  readonly pageable: Rate
}

/**
 * Speeds of a disk, past the page cache of the operating system and through it; and of bytes that the page cache
 * holds, where that was measured: else nothing is taken to lie there.
 */
export interface DiskLink {
  readonly direct: Rate
  readonly buffered: Rate
  readonly cached?: Rate
}

/** The links that data moves over, and the RAM itself as the host's kernels read it. */
export type LinkName = 'hostToDevice' | 'deviceToHost' | 'diskRead' | 'diskWrite' | 'ramRead'

/** Two links in use at once, with the speed that each still has. */
export interface SharedLinks {
  readonly links: readonly [LinkName, LinkName]
  readonly bytesPerSecond: readonly [number, number]
}

/** Shares of their speeds alone that reads of a disk and computing on the host keep while both go on. */
export interface BesideReads {
  readonly read: number
  readonly compute: number
}

/** The ways in which a disk is read. */
export type ReadWay = 'direct' | 'buffered' | 'cached'

/** How a matrix reaches its kernel: held in the kernel's fastest form, bound as it lies, or widened from 4 bits. */
export type WeightForm = 'prepared' | 'bound' | 'q4'

/** Speed of a product `[rows, n] x [n, m]` with large matrices, reading the weights included. */
export interface MatmulRate {
  readonly dtype: DType
  readonly weights: WeightForm
  /** Dtype in which a bound matrix lies, where it matters: half weights may be widened on the way. */
  readonly weightDtype?: DType
  readonly rows: number
  readonly flopsPerSecond: number
  readonly spread?: number
}

/** Speed of attention of one new token per sequence, in bytes of KV read. */
export interface DecodeAttentionRate {
  readonly dtype: DType
  readonly sequences: number
  readonly bytesPerSecond: number
  readonly spread?: number
}

/** Speed of attention over a prompt, counting `4 * positions^2 * hidden size` operations a sequence. */
export interface PrefillAttentionRate {
  readonly dtype: DType
  readonly promptTokens: number
  readonly flopsPerSecond: number
  readonly spread?: number
}

/** What a place computes at. */
export interface ComputeRates {
  /** Name of the backend that was measured. */
  readonly backend: string
  readonly matmul: readonly MatmulRate[]
  readonly decodeAttention: readonly DecodeAttentionRate[]
  readonly prefillAttention: readonly PrefillAttentionRate[]
  /** Widening of 4-bit groups and making them, in bytes of the wide form. */
  readonly dequantizeBytesPerSecond: number
  readonly quantizeBytesPerSecond: number
  /** Issuing one stage of a layer here, where it was measured by itself; else `costs.stageSeconds`. */
  readonly stageSeconds?: number
  /** What attention of one new token of one sequence in one layer takes besides reading KV. */
  readonly attentionRowSeconds?: number
  /** Norms, sums and activations around the products, for one value of the hidden state of a token in one layer. */
  readonly elementwiseSeconds?: number
}

/** Times that do not depend on bytes. */
export interface FixedCosts {
  /** Issuing one stage of a layer for one GPU batch, kernels and binding. */
  readonly stageSeconds: number
  /** Issuing one copy or read. */
  readonly transferSeconds: number
  /** What a sweep over the layers costs besides: sampling, bookkeeping. */
  readonly sweepSeconds: number
}

/** A machine in numbers, as `hardware.json` holds them; every speed is of one direction, alone on the machine. */
export interface HardwareProfile {
  readonly schemaVersion: 1
  readonly name: string
  readonly description: string
  /** Date of the measurement (ISO 8601); absent where nothing was measured. */
  readonly measuredAt?: string
  /** Versions of what was measured with, such as `node`. */
  readonly versions?: Readonly<Record<string, string>>
  /** Fields that nobody measured, by their path. */
  readonly assumed?: readonly string[]
  readonly machine: {
    /** `host`: kernels work on RAM itself, so that device and RAM are one memory. */
    readonly device: 'host' | 'gpu'
    readonly deviceName?: string
    readonly cpuName?: string
    readonly cpuCores: number
  }
  readonly capacity: {
    readonly deviceBytes: number
    readonly ramBytes: number
    /** 0 where there is no disk to offload to. */
    readonly diskBytes: number
  }
  readonly links: {
    /** There for a `gpu`. */
    readonly hostToDevice?: HostLink
    /** There for a `gpu`. */
    readonly deviceToHost?: HostLink
    /** How fast page-locked RAM comes, which copies to a `gpu` are made from. */
    readonly pinning?: Rate
    readonly diskRead: DiskLink
    readonly diskWrite: DiskLink
    readonly ramRead: Rate
  }
  readonly shared?: readonly SharedLinks[]
  /** What reading and computing leave each other on a host; where absent they are not in each other's way. */
  readonly besideReads?: Readonly<Partial<Record<ReadWay, BesideReads>>>
  readonly compute: {
    readonly device: ComputeRates
    /** Kernels that work on RAM; those of the device itself where it is the host. */
    readonly host?: ComputeRates
    /** Other backends of the same device that were measured too. */
    readonly others?: readonly ComputeRates[]
  }
  readonly costs: FixedCosts
  /** Constants for the cost model `flexgen`; derived from the other fields where absent. */
  readonly flexgen?: FlexgenConstants
}
