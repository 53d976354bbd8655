/** What one measured run generated. */
export interface Work {
  /** All prompts, of all blocks. */
  readonly prompts: number
  /** Ids of each prompt. */
  readonly promptTokens: number
  /** New tokens of each prompt. */
  readonly newTokens: number
}

/** How long a run took; with several blocks the sums. */
export interface Latency {
  /** Time to the first token. */
  readonly prefillSeconds: number
  /** Time of all further tokens. */
  readonly decodeSeconds: number
}

/** Tokens in a second, as FlexGen computes them. */
export interface Throughput {
  /** Prompt tokens. */
  readonly prefillTokensPerSecond: number
  /** New tokens but the first of each prompt. */
  readonly decodeTokensPerSecond: number
  /** New tokens over the time of both. */
  readonly totalTokensPerSecond: number
}

/** FlexGen's throughputs (flex_opt.py, `run_flexllmgen`); a decode time of nothing counts as 1e-10 s there. */
export function throughputOf(
  { prompts, promptTokens, newTokens }: Work,
  { prefillSeconds, decodeSeconds }: Latency,
): Throughput {
  return {
    prefillTokensPerSecond: (prompts * promptTokens) / prefillSeconds,
    decodeTokensPerSecond: (prompts * (newTokens - 1)) / Math.max(decodeSeconds, 1e-10),
    totalTokensPerSecond: (prompts * newTokens) / (prefillSeconds + decodeSeconds),
  }
}
