import type { QualityVariant } from './quality-variants.ts'

/** What the quality of one variant is measured with; plain data that is handed to the process that measures. */
export interface QualitySettings {
  readonly variant: QualityVariant
  readonly model: string
  readonly path?: string | undefined
  readonly backend: string
  readonly api?: 'auto' | 'c' | 'js' | undefined
  readonly threads?: number | undefined
  readonly offloadDir?: string | undefined
  readonly maxRam?: string | undefined
  /** Ids of a window at most, with the one that starts it; what is scored moves on by half of it. */
  readonly windowTokens: number
  /** Windows that are scored, spread over all; undefined for all. */
  readonly mostWindows?: number | undefined
  readonly gpuBatchSize: number
}

/** What one variant gave. */
export interface QualityMeasurement {
  readonly backend: string
  readonly device: string
  readonly notices: readonly string[]
  readonly windows: number
  readonly tokens: number
  /** Sum over the tokens. */
  readonly nats: number
  readonly seconds: number
}
