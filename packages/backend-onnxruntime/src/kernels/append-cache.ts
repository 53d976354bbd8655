/** Keys or values of the new tokens of one row, and where in the cache row they go. */
export interface NewTokens {
  /** `[kv heads, tokens, head dim]`, of which the first `count` tokens of each head are new. */
  readonly values: Float32Array
  readonly tokens: number
  readonly count: number
  readonly position: number
}

/** Copies with `set` pay off from about this many values on. */
const shortCopy = 256

/**
 * Writes new tokens into one half of a cache row, `[kv heads, max positions, head dim]`. A row that starts anew is
 * cleared behind them: attention multiplies masked positions by 0, and whatever was there may be no number.
 */
export function appendCache(
  half: Float32Array,
  { values, tokens, count, position }: NewTokens,
  headDim: number,
  maxPositions: number,
): void {
  const heads = half.length / (maxPositions * headDim)
  const length = count * headDim
  for (let head = 0; head < heads; head++) {
    const from = head * tokens * headDim
    const to = (head * maxPositions + position) * headDim
    if (length >= shortCopy) half.set(values.subarray(from, from + length), to)
    else for (let i = 0; i < length; i++) half[to + i] = values[from + i]!
    if (position === 0) half.fill(0, to + length, (head + 1) * maxPositions * headDim)
  }
}
