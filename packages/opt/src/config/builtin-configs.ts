type Size = readonly [layers: number, hiddenSize: number, heads: number, changes?: Readonly<Record<string, unknown>>]

/** Sizes of the OPT paper (table 1), and the two that FlexGen adds (opt_config.py), in its ReLU form. */
const sizes: Readonly<Record<string, Size>> = {
  'opt-125m': [12, 768, 12],
  'opt-350m': [24, 1024, 16, { do_layer_norm_before: false, word_embed_proj_dim: 512 }],
  'opt-1.3b': [24, 2048, 32],
  'opt-2.7b': [32, 2560, 32],
  'opt-6.7b': [32, 4096, 32],
  'opt-13b': [40, 5120, 40],
  'opt-30b': [48, 7168, 56],
  'opt-66b': [64, 9216, 72],
  'opt-175b': [96, 12288, 96],
  'opt-175b-stage': [24, 12288, 96],
  'galactica-30b': [48, 7168, 56, { vocab_size: 50000 }],
}

/** Names with a built-in config. */
export const builtinNames: readonly string[] = Object.keys(sizes)

/**
 * The config.json of a size by name, with or without an organisation (`facebook/opt-125m`), in any case, also by its
 * instruction-tuned name (`opt-iml-30b`, `opt-iml-max-30b`: same sizes); undefined where unknown.
 */
export function builtinConfig(name: string): Readonly<Record<string, unknown>> | undefined {
  const plain = name
    .slice(name.lastIndexOf('/') + 1)
    .toLowerCase()
    .replace(/-iml(-max)?/, '')
  const size = Object.hasOwn(sizes, plain) ? sizes[plain] : undefined
  if (size === undefined) return undefined
  const [layers, hiddenSize, heads, changes] = size
  return {
    model_type: 'opt',
    activation_function: 'relu',
    bos_token_id: 2,
    do_layer_norm_before: true,
    eos_token_id: 2,
    ffn_dim: 4 * hiddenSize,
    hidden_size: hiddenSize,
    max_position_embeddings: 2048,
    num_attention_heads: heads,
    num_hidden_layers: layers,
    pad_token_id: 1,
    vocab_size: 50272,
    word_embed_proj_dim: hiddenSize,
    ...changes,
  }
}
