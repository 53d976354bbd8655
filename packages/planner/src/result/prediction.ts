/** What a phase keeps busy, in seconds of the whole model. */
export interface PhasePrediction {
  /** Of all prompts of a block, or of one decode step of average length. */
  readonly seconds: number
  /** Seconds that each resource is busy. */
  readonly secondsByResource: Readonly<Record<string, number>>
  /** The resource that the phase waits for most. */
  readonly bindingResource: string
}

/** What a cost model expects of a block. */
export interface Prediction {
  readonly prefill: PhasePrediction
  readonly decodeStep: PhasePrediction
  readonly prefillSeconds: number
  /** All decode steps. */
  readonly decodeSeconds: number
  readonly totalSeconds: number
  readonly prefillTokensPerSecond: number
  /** 0 where only one token is made. */
  readonly decodeTokensPerSecond: number
  /** New tokens by all seconds: FlexGen's generation throughput. */
  readonly totalTokensPerSecond: number
}

/** A prediction from its two phases. */
export function createPrediction(
  block: { readonly sequences: number; readonly promptTokens: number; readonly newTokens: number },
  prefill: PhasePrediction,
  decodeStep: PhasePrediction,
): Prediction {
  const { sequences, promptTokens, newTokens } = block
  const decodeSeconds = decodeStep.seconds * (newTokens - 1)
  const totalSeconds = prefill.seconds + decodeSeconds
  return {
    prefill,
    decodeStep,
    prefillSeconds: prefill.seconds,
    decodeSeconds,
    totalSeconds,
    prefillTokensPerSecond: (sequences * promptTokens) / prefill.seconds,
    decodeTokensPerSecond: newTokens > 1 ? (sequences * (newTokens - 1)) / decodeSeconds : 0,
    totalTokensPerSecond: (sequences * newTokens) / totalSeconds,
  }
}
