import type { DType } from '@flexgen/spec'

/** A speed. */
export interface Speed {
  readonly bytesPerSecond: number
}

/** The links that data moves over, and the RAM itself as the host's kernels read it. */
export type LinkName = 'hostToDevice' | 'deviceToHost' | 'diskRead' | 'diskWrite' | 'ramRead'

/** How a matrix reaches its kernel: held in the kernel's fastest form, bound as it lies, or widened from 4 bits. */
export type WeightForm = 'prepared' | 'bound' | 'q4'

/** What a place computes at. */
export interface ComputeSpeeds {
  readonly matmul: readonly {
    readonly dtype: DType
    readonly weights: WeightForm
    /** Dtype in which a bound matrix lies, where it matters. */
    readonly weightDtype?: DType
    readonly rows: number
    readonly flopsPerSecond: number
  }[]
  readonly decodeAttention: readonly {
    readonly dtype: DType
    readonly sequences: number
    readonly bytesPerSecond: number
  }[]
  readonly prefillAttention: readonly {
    readonly dtype: DType
    readonly promptTokens: number
    readonly flopsPerSecond: number
  }[]
  readonly dequantizeBytesPerSecond: number
  readonly quantizeBytesPerSecond: number
  /** Issuing one stage of a layer here; else `costs.stageSeconds`. */
  readonly stageSeconds?: number
  /** What attention of one new token of one sequence in one layer takes besides reading KV. */
  readonly attentionRowSeconds?: number
  /** Norms, sums and activations, for one value of the hidden state of a token in one decoder layer. */
  readonly elementwiseSeconds?: number
}

/** A disk past the page cache, through it, and of bytes that the page cache holds. */
export interface DiskSpeeds {
  readonly direct: Speed
  readonly buffered: Speed
  readonly cached?: Speed
}

/** How the disk is read and written. */
export type DiskWay = keyof DiskSpeeds

/** Shares of their speeds alone that reads of a disk and computing on the host keep while both go on. */
export interface SharesBesideReads {
  readonly read: number
  readonly compute: number
}

/** A machine in numbers: what the simulation reads of a hardware profile, whose form this is. */
export interface SimulatedHardware {
  readonly name: string
  readonly description: string
  readonly machine: {
    /** `host`: kernels work on RAM itself, so that device and RAM are one memory. */
    readonly device: 'host' | 'gpu'
    readonly deviceName?: string
    readonly cpuName?: string
    readonly cpuCores: number
  }
  readonly capacity: { readonly deviceBytes: number; readonly ramBytes: number; readonly diskBytes: number }
  readonly links: {
    readonly hostToDevice?: { readonly pinned: Speed; readonly pageable: Speed }
    readonly deviceToHost?: { readonly pinned: Speed; readonly pageable: Speed }
    readonly diskRead: DiskSpeeds
    readonly diskWrite: DiskSpeeds
    readonly ramRead: Speed
  }
  /** Two links in use at once, with the speed that each still has. */
  readonly shared?: readonly {
    readonly links: readonly [LinkName, LinkName]
    readonly bytesPerSecond: readonly [number, number]
  }[]
  readonly besideReads?: Readonly<Partial<Record<DiskWay, SharesBesideReads>>>
  readonly compute: { readonly device: ComputeSpeeds; readonly host?: ComputeSpeeds }
  readonly costs: { readonly stageSeconds: number; readonly transferSeconds: number; readonly sweepSeconds: number }
}
