import path from 'node:path'
import { createReferenceBackend } from '@flexgen/backend-reference'
import { openCheckpoint, readConfig } from '@flexgen/checkpoint'
import { describeModel } from '@flexgen/conformance'
import type { GraphNode, Model } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { createGpt2Model, gpt2Family, parseGpt2Config } from '../src/index.ts'
import { readCases } from './read-cases.ts'

const folder = path.resolve(import.meta.dirname, '../fixtures/tiny')
const weights = () => openCheckpoint(folder)
const reference = { oracle: createReferenceBackend, cases: readCases(folder) }
const config = (await readConfig(folder)) as Record<string, unknown>

const tensorsOf = ({ layers }: Model): string[] => [
  ...new Set(layers.flatMap((layer) => layer.weights.flatMap(({ parts }) => parts.map(({ tensor }) => tensor)))),
]

describe('createGpt2Model', () => {
  it('finds the tensors with and without the prefix, and none that nobody needs', async () => {
    await using source = await weights()
    const names = [...source.tensors.keys()]
    const model = createGpt2Model(config, { tensorNames: names })
    expect(tensorsOf(model)).toHaveLength(2 + 3 * 12 + 2)
    expect(names).toEqual(expect.arrayContaining(tensorsOf(model)))
    const prefixed = createGpt2Model(config, { tensorNames: names.map((name) => `transformer.${name}`) })
    expect(tensorsOf(prefixed)).toEqual(tensorsOf(model).map((name) => `transformer.${name}`))
  })

  it('names what a checkpoint lacks', () => {
    const tensorNames = tensorsOf(createGpt2Model(config)).filter((name) => name !== 'h.1.mlp.c_fc.bias')
    expect(() => createGpt2Model(config, { tensorNames })).toThrow('the checkpoint has no tensor h.1.mlp.c_fc.bias')
  })

  it('reads the head where the config unties it', () => {
    const [tied, untied] = [config, { ...config, tie_word_embeddings: false }].map((each) => createGpt2Model(each))
    expect(tensorsOf(untied!)).toContain('lm_head.weight')
    expect(untied!.facts.parameters - tied!.facts.parameters).toBe(320 * 36)
  })

  it('shares the graphs of all blocks', () => {
    const [first, second] = createGpt2Model(config).layers.filter(({ kind }) => kind === 'mlp')
    expect(second!.stages).toBe(first!.stages)
  })
})

describe.each([
  ['gpt2', 124_439_808],
  ['openai-community/gpt2-medium', 354_823_168],
  ['gpt2-large', 774_030_080],
  ['gpt2-xl', 1_557_611_200],
])('the built-in %s', (name, parameters) => {
  const create = () => gpt2Family.create(gpt2Family.builtinConfig(name), { name })
  describeModel(name, create, { describe, it })

  it('has the published number of parameters', () => {
    expect(create().facts.parameters).toBe(parameters)
  })
})

it('knows no other names', () => {
  for (const name of ['gpt3', 'toString', '']) expect(gpt2Family.builtinConfig(name)).toBeUndefined()
})

describe('parseGpt2Config', () => {
  it('fills in what a config leaves out', () => {
    expect(parseGpt2Config({})).toEqual({
      vocabularySize: 50_257,
      hiddenSize: 768,
      heads: 12,
      layers: 12,
      ffnSize: 3072,
      maxPositions: 1024,
      epsilon: 1e-5,
      tied: true,
      eosIds: [],
      padId: 0,
    })
  })

  it.each([
    ['another model', { model_type: 'opt' }, 'UNSUPPORTED_DATA', 'model_type "opt"'],
    ['another activation', { activation_function: 'relu' }, 'UNSUPPORTED_DATA', 'activation_function "relu"'],
    ['another scale', { scale_attn_by_inverse_layer_idx: true }, 'UNSUPPORTED_DATA', 'true, GPT-2 is taken with false'],
    ['heads that do not divide', { n_head: 5 }, 'CORRUPT_DATA', 'n_embd 768, not a multiple of n_head 5'],
    ['no layers', { n_layer: 0 }, 'CORRUPT_DATA', 'n_layer 0'],
    ['a list as a size', { n_embd: [768] }, 'CORRUPT_DATA', 'n_embd of another kind'],
    ['an id outside', { eos_token_id: 50_257 }, 'CORRUPT_DATA', '50257'],
    ['an epsilon that is none', { layer_norm_epsilon: 'small' }, 'CORRUPT_DATA', 'layer_norm_epsilon "small"'],
    ['no object', null, 'CORRUPT_DATA', 'not a JSON object'],
  ])('refuses %s', (_, given, code, message) => {
    expect(() => parseGpt2Config(given)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) as string }),
    )
  })
})

/** The model with other nodes. */
async function changed(change: (node: GraphNode) => GraphNode): Promise<Model> {
  await using source = await weights()
  const model = createGpt2Model(config, { tensorNames: source.tensors.keys() })
  const layers = model.layers.map((layer) => ({
    ...layer,
    stages: layer.stages.map(({ kind, graph }) => ({ kind, graph: { ...graph, nodes: graph.nodes.map(change) } })),
  }))
  return { ...model, layers }
}

describe('describeModel catches', () => {
  it.each<[string, (node: GraphNode) => GraphNode]>([
    [
      'an epsilon of 1e-6 for 1e-5',
      (node) => (node.operator === 'LayerNormalization' ? { ...node, attributes: { epsilon: 1e-6 } } : node),
    ],
    [
      'the exact Gelu for its approximation',
      (node) => (node.operator === 'Gelu' ? { ...node, attributes: { approximate: 'none' } } : node),
    ],
    ['q and k swapped', (node) => (node.operator === 'Split' ? { ...node, outputs: ['k', 'q', 'v'] } : node)],
    [
      'a square matrix turned',
      (node) =>
        node.operator === 'Linear' && node.inputs[1] === 'out.weight'
          ? { ...node, attributes: { transposed: true } }
          : node,
    ],
  ])('%s', async (_, change) => {
    const tests = new Map<string, () => Promise<void>>()
    const kit = {
      describe: (_name: string, body: () => void) => body(),
      it: (title: string, body: () => Promise<void>) => tests.set(title, body),
    }
    describeModel('broken', () => changed(change), { ...kit, weights, reference })
    const decode = tests.get('gives the reference logits in decode, one id at a time behind the cached ones')!
    await expect(decode()).rejects.toThrow('logits at position 1')
  })
})
