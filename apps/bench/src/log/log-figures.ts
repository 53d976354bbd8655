import { cacheBytes, hiddenBytes, modelBytes, type ModelSizes } from '../formulas/model-sizes.ts'
import { type Latency, type Throughput, throughputOf, type Work } from '../formulas/throughput.ts'

/** What FlexGen's log shows of a run. */
export interface LogFigures extends Latency, Throughput {
  readonly modelBytes: number
  readonly cacheBytes: number
  readonly hiddenBytes: number
  readonly peakDeviceBytes: number
  /** Whether the decode time was projected from a part of the run. */
  readonly projected: boolean
}

/** A run as the log counts it. */
export interface LoggedRun extends Work, Latency {
  /** Prompts of the largest block: sizes are those of one block, times and tokens those of all. */
  readonly blockPrompts: number
  readonly peakDeviceBytes: number
  readonly projected: boolean
}

/** FlexGen's figures of a run. */
export function logFiguresOf(sizes: ModelSizes, run: LoggedRun): LogFigures {
  const positions = run.promptTokens + run.newTokens
  const { prefillSeconds, decodeSeconds, peakDeviceBytes, projected } = run
  return {
    modelBytes: modelBytes(sizes),
    cacheBytes: cacheBytes(sizes, run.blockPrompts, positions),
    hiddenBytes: hiddenBytes(sizes, run.blockPrompts, positions),
    peakDeviceBytes,
    projected,
    prefillSeconds,
    decodeSeconds,
    ...throughputOf(run, run),
  }
}
