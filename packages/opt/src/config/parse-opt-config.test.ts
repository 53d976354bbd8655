import { describe, expect, it } from 'vitest'
import { builtinConfig } from './builtin-configs.ts'
import { parseOptConfig } from './parse-opt-config.ts'

const base = builtinConfig('opt-125m')!

describe('parseOptConfig', () => {
  it('reads a facebook/opt config', () => {
    expect(parseOptConfig(base)).toEqual({
      vocabularySize: 50272,
      hiddenSize: 768,
      layers: 12,
      heads: 12,
      ffnSize: 3072,
      maxPositions: 2048,
      embeddingSize: 768,
      activation: 'relu',
      normBefore: true,
      finalNorm: true,
      bias: true,
      tied: true,
      eosIds: [2],
      padId: 1,
    })
  })

  it('fills in the defaults of transformers for all but the sizes', () => {
    const { vocab_size, hidden_size, num_hidden_layers, num_attention_heads, ffn_dim } = base
    expect(parseOptConfig({ vocab_size, hidden_size, num_hidden_layers, num_attention_heads, ffn_dim })).toEqual(
      parseOptConfig(base),
    )
  })

  it.each([
    [{ do_layer_norm_before: false }, { normBefore: false, finalNorm: false }],
    [{ _remove_final_layer_norm: true }, { normBefore: true, finalNorm: false }],
    [{ word_embed_proj_dim: 512 }, { embeddingSize: 512 }],
    [{ word_embed_proj_dim: null }, { embeddingSize: 768 }],
    [{ activation_function: 'gelu' }, { activation: 'gelu' }],
    [{ enable_bias: false }, { bias: false }],
    [{ tie_word_embeddings: false }, { tied: false }],
    [{ eos_token_id: [2, 50118] }, { eosIds: [2, 50118] }],
    [{ eos_token_id: null }, { eosIds: [] }],
    [
      { eos_token_id: 7, pad_token_id: null },
      { eosIds: [7], padId: 7 },
    ],
  ])('takes %j', (changes, expected) => {
    expect(parseOptConfig({ ...base, ...changes })).toEqual({ ...parseOptConfig(base), ...expected })
  })

  it.each([
    ['hidden_size', [undefined, null, 0, -768, 768.5, '768', 2 ** 19, Number.POSITIVE_INFINITY, [768], {}, Number.NaN]],
    ['num_hidden_layers', [undefined, 0, -1, 0.5, 1025, 1e9, true]],
    ['num_attention_heads', [undefined, 0, -12, 1.5, '12']],
    ['ffn_dim', [undefined, 0, -1, 0.1, 2 ** 40]],
    ['vocab_size', [undefined, 0, -1, 1.5, 2 ** 32]],
    ['max_position_embeddings', [0, -1, 0.5, 2 ** 25, 'many']],
    ['word_embed_proj_dim', [0, -1, 1.5, 2 ** 19, {}]],
    ['do_layer_norm_before', ['false', 0]],
    ['enable_bias', ['true']],
    ['tie_word_embeddings', [1, 'yes']],
    ['_remove_final_layer_norm', [0]],
    ['layer_norm_elementwise_affine', ['no']],
    ['activation_function', [3]],
    ['model_type', [3]],
    ['eos_token_id', [-1, 50272, 'two', [2, 'three']]],
    ['pad_token_id', [50272, 1.5]],
  ])('refuses a wrong %s as damaged, by name', (field, values) => {
    for (const value of values) {
      expect(() => parseOptConfig({ ...base, [field]: value })).toThrow(
        expect.objectContaining({ code: 'CORRUPT_DATA', message: expect.stringContaining(field) as string }),
      )
    }
  })

  it('refuses heads that do not divide the hidden size', () => {
    expect(() => parseOptConfig({ ...base, num_attention_heads: 7 })).toThrow(
      expect.objectContaining({
        code: 'CORRUPT_DATA',
        message: expect.stringContaining('num_attention_heads 7') as string,
      }),
    )
  })

  it.each([
    ['activation_function', 'gelu_new'],
    ['layer_norm_elementwise_affine', false],
    ['model_type', 'llama'],
    ['quantization_config', { bits: 4 }],
  ])('refuses %s %j as unsupported, by name', (field, value) => {
    expect(() => parseOptConfig({ ...base, [field]: value })).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED_DATA', message: expect.stringContaining(field) as string }),
    )
  })

  it.each([[null], ['{}'], [[base]], [undefined], [5]])('refuses %j, which is no object', (config) => {
    expect(() => parseOptConfig(config)).toThrow(expect.objectContaining({ code: 'CORRUPT_DATA' }))
  })
})
