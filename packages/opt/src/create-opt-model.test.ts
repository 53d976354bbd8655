import { describeModel } from '@flexgen/conformance'
import type { Model, WeightSpec } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { createOptModel } from './create-opt-model.ts'

const tiny = {
  model_type: 'opt',
  vocab_size: 24,
  hidden_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 3,
  ffn_dim: 20,
  max_position_embeddings: 16,
}
const variants = {
  'pre-norm': tiny,
  'post-norm with projections': { ...tiny, do_layer_norm_before: false, word_embed_proj_dim: 8 },
  'without final norm': { ...tiny, _remove_final_layer_norm: true },
  'without biases, gelu': { ...tiny, enable_bias: false, activation_function: 'gelu' },
}

const weightsOf = (model: Model): WeightSpec[] => model.layers.flatMap((layer) => layer.weights)
const tensorsOf = (model: Model): string[] => [
  ...new Set(weightsOf(model).flatMap((weight) => weight.parts.map((part) => part.tensor))),
]
const operatorsOf = (model: Model): string[] =>
  model.layers.flatMap((layer) => layer.stages.flatMap((stage) => stage.graph.nodes.map((node) => node.operator)))

/** A model whose tensors all are in the checkpoint. */
function fromCheckpoint(config: object): Model {
  const dummy = createOptModel(config)
  return createOptModel(config, { tensorNames: tensorsOf(dummy) })
}

describe.each(Object.entries(variants))('%s', (name, config) => {
  describeModel(name, () => fromCheckpoint(config), { describe, it })
})

describe('createOptModel', () => {
  it('ties the head to the token table of a checkpoint, whatever lm_head it holds', () => {
    expect(tensorsOf(fromCheckpoint(tiny))).not.toContain('lm_head.weight')
    expect(weightsOf(fromCheckpoint(tiny)).at(-1)!.parts[0]!.tensor).toBe('model.decoder.embed_tokens.weight')
  })

  it('reads lm_head where the config unties it, and for generated weights', () => {
    const untied = { ...tiny, tie_word_embeddings: false }
    expect(tensorsOf(fromCheckpoint(untied))).toContain('lm_head.weight')
    expect(tensorsOf(createOptModel(tiny))).toContain('lm_head.weight')
    expect(fromCheckpoint(untied).facts.parameters - fromCheckpoint(tiny).facts.parameters).toBe(24 * 12)
    expect(createOptModel(tiny).facts).toEqual(fromCheckpoint(tiny).facts)
  })

  it('reads only the rows of the token table that are asked for', () => {
    const byRows = weightsOf(createOptModel(tiny)).filter((weight) => weight.access === 'rows')
    expect(byRows.map((weight) => weight.shape)).toEqual([[24, 12]])
  })

  it('stacks q, k and v', () => {
    const stacked = weightsOf(createOptModel(tiny)).find((weight) => weight.name === 'qkv.weight')
    expect(stacked).toMatchObject({ shape: [36, 12] })
    expect(stacked!.parts.map((part) => part.tensor)).toEqual(
      ['q', 'k', 'v'].map((part) => `model.decoder.layers.0.self_attn.${part}_proj.weight`),
    )
  })

  it('takes the last position before anything else in the head', () => {
    const model = createOptModel(variants['post-norm with projections'])
    expect(model.layers.at(-1)!.stages[0]!.graph.nodes.map((node) => node.operator)).toEqual([
      'LastPosition',
      'Linear',
      'Linear',
    ])
    expect(model.headAllPositions[0]!.graph.nodes.map((node) => node.operator)).toEqual(['Linear', 'Linear'])
  })

  it('shares the graphs of all blocks', () => {
    const [first, second] = createOptModel(tiny).layers.filter((layer) => layer.kind === 'attention')
    expect(second!.stages).toBe(first!.stages)
  })

  it('leaves biases out where the config has none, but for the norms', () => {
    const names = weightsOf(createOptModel(variants['without biases, gelu'])).map((weight) => weight.name)
    expect(new Set(names.filter((name) => name.endsWith('.bias')))).toEqual(new Set(['norm.bias']))
    expect(operatorsOf(createOptModel(variants['without biases, gelu']))).toContain('Gelu')
  })

  it('is named by the option, by the config, or opt', () => {
    expect(createOptModel(tiny, { name: 'mine' }).name).toBe('mine')
    expect(createOptModel({ ...tiny, _name_or_path: 'facebook/opt-125m' }).name).toBe('opt-125m')
    expect(createOptModel(tiny).name).toBe('opt')
    for (const path of ['a\nb', 7, '', '//', 'x'.repeat(101)])
      expect(createOptModel({ ...tiny, _name_or_path: path }).name).toBe('opt')
  })

  it.each(['model.decoder.', 'decoder.', 'model.', '', 'module.model.decoder.'])(
    'finds every tensor behind the prefix %j, with the norm before and after',
    (prefix) => {
      for (const config of Object.values(variants)) {
        const usual = tensorsOf(fromCheckpoint(config))
        const tensorNames = usual.map((name) => name.replace('model.decoder.', prefix))
        expect(tensorsOf(createOptModel(config, { tensorNames }))).toEqual(tensorNames)
      }
    },
  )

  it('says which tensors it has no use for', () => {
    const needed = tensorsOf(fromCheckpoint(tiny))
    const noticesWith = (...more: string[]): readonly string[] =>
      createOptModel(tiny, { tensorNames: [...needed, ...more] }).notices
    expect(noticesWith()).toEqual([])
    expect(createOptModel(tiny).notices).toEqual([])
    expect(noticesWith('lm_head.weight')).toEqual([
      'lm_head.weight is not read: the config ties the head to the token table',
    ])
    expect(noticesWith('a', 'lm_head.weight', 'b\n', 'c', 'd')).toEqual([
      'lm_head.weight is not read: the config ties the head to the token table',
      'the model has no use for tensors of the checkpoint: a, "b\\n", c and 1 more',
    ])
  })

  it('names what a checkpoint lacks', () => {
    const names = tensorsOf(fromCheckpoint(tiny)).filter((name) => !name.includes('fc1'))
    expect(() => createOptModel(tiny, { tensorNames: names })).toThrow(
      expect.objectContaining({
        code: 'CORRUPT_DATA',
        message:
          'the checkpoint has no tensor model.decoder.layers.0.fc1.weight, model.decoder.layers.0.fc1.bias, ' +
          'model.decoder.layers.1.fc1.weight and 1 more',
      }),
    )
  })
})
