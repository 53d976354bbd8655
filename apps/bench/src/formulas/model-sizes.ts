/** What FlexGen's size formulas are made of (opt_config.py). */
export interface ModelSizes {
  readonly decoderLayers: number
  readonly hiddenSize: number
  readonly vocabularySize: number
}

/**
 * Bytes of the weights in half precision as FlexGen counts them: it forgets two of the three biases of q, k and v, the
 * positions and the last norm, and adds an output bias that is not there.
 */
export function modelBytes({ decoderLayers, hiddenSize: h, vocabularySize }: ModelSizes): number {
  return 2 * (decoderLayers * (12 * h * h + 11 * h) + vocabularySize * (h + 1))
}

/** Bytes of the KV cache in half precision for `sequences` of `positions` each. */
export function cacheBytes({ decoderLayers, hiddenSize }: ModelSizes, sequences: number, positions: number): number {
  return 4 * sequences * positions * decoderLayers * hiddenSize
}

/** Bytes of the hidden states of one layer in half precision for `sequences` of `positions` each. */
export function hiddenBytes({ hiddenSize }: ModelSizes, sequences: number, positions: number): number {
  return 2 * sequences * positions * hiddenSize
}
