import type { DType } from '@flexgen/spec'

/** The flags of `generate` after parsing; what is absent was given nowhere. */
export interface GenerateFlags {
  readonly model: string
  readonly path?: string
  readonly prompt?: readonly string[]
  readonly promptIds?: readonly (readonly number[])[]
  readonly input?: string
  readonly numPrompts?: number
  readonly promptLen?: number
  readonly output?: string
  readonly resume?: boolean
  readonly json?: boolean
  readonly maxNewTokens: number
  readonly temperature?: number
  readonly topK?: number
  readonly topP?: number
  readonly seed: number
  readonly stop?: readonly string[]
  readonly ignoreEos?: boolean
  readonly logProbs?: 'new' | 'all'
  readonly score?: boolean
  /** `auto`, or a file of `flexgen plan --save`. */
  readonly policy?: string
  readonly hardware?: string
  readonly history?: boolean
  readonly percent?: readonly number[]
  readonly gpuBatchSize?: number
  readonly numGpuBatches?: number
  readonly overlap?: boolean
  readonly sepLayer?: boolean
  readonly placement?: 'exact' | 'flexgen'
  readonly cpuCacheCompute?: boolean
  readonly attnSparsity?: number
  readonly compressWeight?: boolean
  readonly compressCache?: boolean
  readonly pinWeight?: boolean
  readonly reallocateTiming?: number
  readonly reallocateEvery?: number
  readonly budgetFile?: string
  readonly maxRam?: string
  readonly maxDeviceMemory?: string
  readonly maxDisk?: string
  readonly offloadDir?: string
  readonly directIo?: boolean
  readonly backend: string
  readonly hostBackend?: string
  readonly api?: 'auto' | 'c' | 'js'
  readonly threads?: number
  readonly dtype?: DType
  readonly debugMode?: 'breakdown' | 'fewer_batch'
  readonly trace?: string
  readonly verbose: number
  readonly quiet?: boolean
}
