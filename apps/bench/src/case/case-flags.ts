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

  readonly numPrompts?: number
  readonly backend?: string
  readonly api?: 'auto' | 'c' | 'js'
  readonly threads?: number
  readonly dtype?: DType
  readonly seed?: number
  readonly directIo?: boolean
  readonly maxRam?: string
  readonly maxDeviceMemory?: string
  readonly maxDisk?: string
}
