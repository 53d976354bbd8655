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
  readonly json?: boolean
  readonly maxNewTokens: number
  readonly temperature?: number
  readonly topK?: number
  readonly topP?: number
  readonly seed: number
  readonly stop?: readonly string[]
  readonly ignoreEos?: boolean
  readonly percent?: readonly number[]
  readonly gpuBatchSize?: number
  readonly numGpuBatches?: number
  readonly overlap?: boolean
  readonly sepLayer?: boolean
  readonly maxRam?: string
  readonly maxDeviceMemory?: string
  readonly maxDisk?: string
  readonly offloadDir?: string
  readonly directIo?: boolean
  readonly backend: string
  readonly api?: 'auto' | 'c' | 'js'
  readonly threads?: number
  readonly dtype?: DType
  readonly trace?: string
  readonly verbose: number
  readonly quiet?: boolean
}
