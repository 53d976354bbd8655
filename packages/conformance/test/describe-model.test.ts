import type { Model, ScheduleLayer, Stage } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { describeModel } from '../src/index.ts'
import { collect } from './support/collect.ts'
import { toyModel, toyTensors } from './support/toy-model.ts'

const untied = withLayer(3, ({ weights: [table] }) => ({
  weights: [{ ...table!, parts: [{ ...table!.parts[0]!, tensor: 'head' }] }],
}))

describeModel('a toy model for generated weights', () => untied, { describe, it, dummy: true })
describeModel('a tied toy model for generated weights', () => toyModel, { describe, it, dummy: true })
describeModel('a toy model', () => toyModel, { describe, it, tensors: async () => toyTensors, usesAllTensors: true })

function withLayer(index: number, change: (layer: ScheduleLayer) => Partial<ScheduleLayer>): Model {
  const layers = toyModel.layers.map((layer, i) => (i === index ? { ...layer, ...change(layer) } : layer))
  return { ...toyModel, layers }
}

function withStage(layerIndex: number, stageIndex: number, change: (graph: Stage['graph']) => object): Model {
  return withLayer(layerIndex, ({ stages }) => ({
    stages: stages.map((stage, i) =>
      i === stageIndex ? { ...stage, graph: { ...stage.graph, ...change(stage.graph) } } : stage,
    ),
  }))
}

const order = 'has one embed layer, attention and mlp for every block in order, and one head'
const weights = 'names every weight of a layer once, and its parts stack to its shape'
const graphs = 'has graphs whose weights are those of the layer and whose shapes fit for any batch and length'
const checkpoint = 'finds every weight in the checkpoint with the shape that it declares'

const defects: readonly (readonly [defect: string, title: string, model: Model])[] = [
  ['layers in another order', order, { ...toyModel, layers: toyModel.layers.toReversed() }],
  ['a layer name twice', order, withLayer(2, () => ({ name: 'head' }))],
  ['a pad id outside the vocabulary', 'states sane facts', { ...toyModel, padId: 10 }],
  [
    'parts that do not stack',
    weights,
    withLayer(1, ({ weights: [qkv] }) => ({ weights: [{ ...qkv!, parts: qkv!.parts.slice(1) }] })),
  ],
  ['a weight name twice', weights, withLayer(2, ({ weights: [up] }) => ({ weights: [up!, up!] }))],
  [
    'a weight that no graph binds',
    graphs,
    withLayer(2, ({ weights: [up] }) => ({ weights: [up!, { ...up!, name: 'spare' }] })),
  ],
  [
    'a weight of another shape',
    graphs,
    withLayer(2, ({ weights: [up] }) => ({ weights: [{ ...up!, shape: [4, 5] }] })),
  ],
  [
    'shapes that do not fit',
    graphs,
    withStage(2, 0, () => ({ nodes: [{ operator: 'Add', inputs: ['x', 'up'], outputs: ['y'], attributes: {} }] })),
  ],
  [
    'an output of another shape',
    graphs,
    withStage(1, 0, ({ outputs }) => ({ outputs: outputs.map((value) => ({ ...value, shape: ['batch', 'seq', 5] })) })),
  ],
  [
    'a value from nowhere',
    graphs,
    withStage(1, 1, ({ inputs }) => ({
      inputs: inputs.map((value, i) => (i === 0 ? { ...value, name: 'query' } : value)),
    })),
  ],
  [
    'an unknown system input',
    graphs,
    withStage(0, 0, ({ inputs }) => ({ inputs: [...inputs, { ...inputs[0]!, name: 'mask' }] })),
  ],
  [
    'attention in a dense stage',
    'keeps attention in stages of its own, with the cache of the model',
    withLayer(1, ({ stages }) => ({ stages: stages.map((stage) => ({ ...stage, kind: 'dense' as const })) })),
  ],
  [
    'a cache of another head dim',
    'keeps attention in stages of its own, with the cache of the model',
    { ...toyModel, headDim: 3 },
  ],
  [
    'no hidden output',
    'chains layers by the hidden state, from ids to logits',
    withStage(2, 0, ({ outputs }) => ({ outputs: outputs.map((value) => ({ ...value, role: 'activation' })) })),
  ],
  [
    'one head for both',
    'gives logits of the last and of all positions from the same weights',
    { ...toyModel, headAllPositions: toyModel.layers.at(-1)!.stages },
  ],
  [
    'a wrong parameter count',
    'counts its parameters as its weights do',
    { ...toyModel, facts: { ...toyModel.facts, parameters: 144 } },
  ],
  [
    'a tensor that is not there',
    checkpoint,
    withLayer(2, ({ weights: [up] }) => ({ weights: [{ ...up!, parts: [{ ...up!.parts[0]!, tensor: 'down' }] }] })),
  ],
]

describe('describeModel catches', () => {
  it('a defect with every test', () => {
    const tests = collect((kit) => describeModel('any', () => toyModel, { ...kit, tensors: async () => toyTensors }))
    expect(new Set(defects.map(([, title]) => title))).toEqual(new Set(tests.keys()))
  })

  it.each(defects)('%s: %s', async (_defect, title, model) => {
    const tests = collect((kit) => describeModel('broken', () => model, { ...kit, tensors: async () => toyTensors }))
    await expect(tests.get(title)!()).rejects.toThrow()
  })

  it.each([
    ['an untied head of a checkpoint that the facts leave out', untied, false],
    [
      'facts of generated weights that lack more than the head',
      { ...untied, facts: { ...untied.facts, parameters: 100 } },
      true,
    ],
  ])('%s', async (_defect, model, dummy) => {
    const tests = collect((kit) => describeModel('broken', () => model, { ...kit, dummy }))
    await expect(tests.get('counts its parameters as its weights do')!()).rejects.toThrow(/144|104/)
  })

  it('tensors that nobody uses, where all must be used', async () => {
    const tensors = new Map([...toyTensors, ['spare', { shape: [1] }]])
    const tests = collect((kit) =>
      describeModel('broken', () => toyModel, { ...kit, tensors: async () => tensors, usesAllTensors: true }),
    )
    await expect(tests.get(checkpoint)!()).rejects.toThrow('spare')
  })
})
