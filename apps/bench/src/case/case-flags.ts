import type { DType } from '@flexgen/spec'

/**
 * The settings of one case, by the names of their flags in camelCase; what is absent was given nowhere. The first
 * block is FlexGen's (flex_opt.py), the second that of the fork behind the seed, the third ours.
 */
export interface CaseFlags {
  readonly model?: string
  readonly path?: string
  readonly offloadDir?: string
  readonly promptLen?: number
  /** FlexGen's `--gen-len`. */
  readonly maxNewTokens?: number
  readonly cutGenLen?: number
  readonly debugMode?: 'fewer_batch' | 'breakdown'
  readonly gpuBatchSize?: number
  readonly numGpuBatches?: number
  readonly percent?: readonly number[]
  readonly sepLayer?: boolean
  readonly pinWeight?: boolean
  readonly cpuCacheCompute?: boolean
  readonly attnSparsity?: number
  readonly compressWeight?: boolean
  readonly compressCache?: boolean
  readonly overlap?: boolean

  readonly reallocateTiming?: number
  readonly includeReallocatePunish?: boolean
  /** Ours: how often timing 3 acts at least, and by which rule. */
  readonly reallocateEvery?: number
  /** Whether waiting prompts take the places of sequences that have ended; default true. */
  readonly refill?: boolean
  readonly reallocator?: 'measured' | 'random-copy' | 'none'

  readonly numPrompts?: number
  /** `auto`, or a file of `flexgen plan --save`. */
  readonly policy?: string
  readonly hardware?: string
  readonly history?: boolean
  readonly backend?: string
  readonly hostBackend?: string
  readonly api?: 'auto' | 'c' | 'js'
  readonly threads?: number
  readonly dtype?: DType
  readonly seed?: number
  readonly placement?: 'exact' | 'flexgen'
  readonly directIo?: boolean
  /** Most bytes a second that the disk gives and takes, such as `500MB/s`. */
  readonly throttleDisk?: string
  readonly maxRam?: string
  readonly maxDeviceMemory?: string
  readonly maxDisk?: string
  /** A hardware profile, by name or file: the case runs on a simulation of it. */
  readonly simulate?: string
  /** File of what happens on the simulated machine. */
  readonly scenario?: string
}
