import { CorruptDataError, UnsupportedDataError } from '@flexgen/spec'
import { createConfigReader, notTaken } from './config-reader.ts'
import type { OptConfig } from './opt-config.ts'

/** Far above every model, and low enough that the bytes of all its weights are a number without a lost digit. */
const limits = { width: 1 << 18, layers: 1 << 10, vocabulary: 1 << 24, positions: 1 << 24 } as const

/**
 * Checks a parsed config.json of an OPT model and fills in the defaults of transformers' `OPTConfig`.
 * @throws {FlexgenError} `CORRUPT_DATA` for a missing, ill-typed or impossible value, `UNSUPPORTED_DATA` for one that
 * stands for something that is not computed here
 */
export function parseOptConfig(config: unknown): OptConfig {
  const read = createConfigReader(config)
  const modelType = read.text('model_type', 'opt')
  if (modelType !== 'opt') throw notTaken('model_type', modelType, '"opt"')
  if (read.raw('quantization_config') !== undefined) {
    throw new UnsupportedDataError('config.json has a quantization_config, OPT is taken with plain weights', {
      hint: 'use the checkpoint that it was made from',
    })
  }
  if (!read.flag('layer_norm_elementwise_affine', true)) {
    throw notTaken('layer_norm_elementwise_affine', false, 'scales and biases in its layer norms (true)')
  }
  const hiddenSize = read.size('hidden_size', limits.width)
  const heads = read.size('num_attention_heads', limits.width)
  if (hiddenSize % heads !== 0) {
    throw new CorruptDataError(
      `config.json has hidden_size ${hiddenSize}, not a multiple of num_attention_heads ${heads}`,
    )
  }
  const vocabularySize = read.size('vocab_size', limits.vocabulary)
  const normBefore = read.flag('do_layer_norm_before', true)
  const eosIds = read.ids('eos_token_id', vocabularySize, vocabularySize > 2 ? [2] : [])
  return {
    vocabularySize,
    hiddenSize,
    heads,
    layers: read.size('num_hidden_layers', limits.layers),
    ffnSize: read.size('ffn_dim', limits.width),
    maxPositions: read.size('max_position_embeddings', limits.positions, 2048),
    embeddingSize: read.size('word_embed_proj_dim', limits.width, hiddenSize),
    activation: readActivation(read.text('activation_function', 'relu')),
    normBefore,
    // `_remove_final_layer_norm` marks checkpoints that were tuned before transformers 4.20.1.
    finalNorm: read.flag('_remove_final_layer_norm', false) ? false : normBefore,
    bias: read.flag('enable_bias', true),
    tied: read.flag('tie_word_embeddings', true),
    eosIds,
    padId: read.ids('pad_token_id', vocabularySize, vocabularySize > 1 ? [1] : [])[0] ?? eosIds[0] ?? 0,
  }
}

function readActivation(name: string): OptConfig['activation'] {
  if (name !== 'relu' && name !== 'gelu') throw notTaken('activation_function', name, '"relu" or "gelu"')
  return name
}
