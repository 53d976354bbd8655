import type { Model, ScheduleLayer, Stage, WeightSpec } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { describeModel } from '../src/index.ts'
import { collect } from './support/collect.ts'
import { createToySource, toyModel, toyTensors } from './support/toy-model.ts'

const weights = async () => createToySource()

const untied = withLayer(3, ({ weights: [table] }) => ({
  weights: [{ ...table!, parts: [{ ...table!.parts[0]!, tensor: 'head' }] }],
}))

describeModel('a toy model for generated weights', () => untied, { describe, it, dummy: true })
describeModel('a tied toy model for generated weights', () => toyModel, { describe, it, dummy: true })
describeModel('a toy model', () => toyModel, { describe, it, weights, usesAllTensors: true })

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

const aWeight = toyModel.layers[1]!.stages[0]!.graph.inputs[1]!
const byRows = (weight: WeightSpec): WeightSpec => ({ ...weight, access: 'rows' })

/** The token table brought whole or by rows, and what chooses from it. */
function embedBy(access: WeightSpec['access'], indices: string, indexOffset: number): Model {
  const model = withStage(0, 0, ({ inputs }) => ({
    inputs: inputs.map((value) => (value.role === 'system' ? { ...value, name: indices } : value)),
    nodes: [{ operator: 'Gather', inputs: ['table', indices], outputs: ['y'], attributes: { indexOffset } }],
  }))
  const [embed, ...rest] = model.layers
  return { ...model, layers: [{ ...embed!, weights: [{ ...embed!.weights[0]!, access }] }, ...rest] }
}

/** A table by rows and a whole one, both chosen from by ids. */
function withSecondTable(): Model {
  const model = withStage(0, 0, ({ inputs, nodes }) => ({
    inputs: [...inputs, { ...inputs[1]!, name: 'other' }],
    nodes: [...nodes, { operator: 'Gather', inputs: ['other', 'ids'], outputs: ['z'], attributes: { indexOffset: 0 } }],
  }))
  const [embed, ...rest] = model.layers
  const [table] = embed!.weights
  return { ...model, layers: [{ ...embed!, weights: [byRows(table!), { ...table!, name: 'other' }] }, ...rest] }
}

const order = 'has one embed layer, attention and mlp for every block in order, and one head'
const stacking = 'names every weight of a layer once, and its parts stack to its shape'
const graphs = 'has graphs whose weights are those of the layer and whose shapes fit for any batch and length'
const attention = 'keeps attention in one stage of its own a block, with the cache of the model'
const chain = 'chains layers by the hidden state, from ids to logits'
const rows = 'reads by rows only tables that ids alone choose from'
const checkpoint = 'finds every weight in the checkpoint with the shape that it declares'

const defects: readonly (readonly [defect: string, title: string, model: Model])[] = [
  ['layers in another order', order, { ...toyModel, layers: toyModel.layers.toReversed() }],
  ['a layer name twice', order, withLayer(2, () => ({ name: 'head' }))],
  ['another version of the contract', 'states sane facts', { ...toyModel, specificationVersion: 'v2' as 'v1' }],
  ['a pad id outside the vocabulary', 'states sane facts', { ...toyModel, padId: 10 }],
  [
    'parts that do not stack',
    stacking,
    withLayer(1, ({ weights: [qkv] }) => ({ weights: [{ ...qkv!, parts: qkv!.parts.slice(1) }] })),
  ],
  ['a weight name twice', stacking, withLayer(2, ({ weights: [up] }) => ({ weights: [up!, up!] }))],
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
    attention,
    withLayer(1, ({ stages }) => ({ stages: stages.map((stage) => ({ ...stage, kind: 'dense' as const })) })),
  ],
  ['a cache of another head dim', attention, { ...toyModel, headDim: 3 }],
  [
    'attention twice',
    attention,
    withLayer(1, ({ stages }) => ({ stages: [...stages.slice(0, 2), ...stages.slice(1)] })),
  ],
  [
    'a cache in a dense stage',
    attention,
    withStage(2, 0, () => ({ caches: [{ name: 'kv', kvHeads: 2, headDim: 2 }] })),
  ],
  ['a weight beside attention', attention, withStage(1, 1, ({ inputs }) => ({ inputs: [...inputs, aWeight] }))],
  [
    'a name that two stages write',
    graphs,
    withStage(1, 2, ({ inputs, outputs }) => ({
      inputs,
      outputs,
      nodes: [
        { operator: 'Relu', inputs: ['attended'], outputs: ['all'], attributes: {} },
        { operator: 'Add', inputs: ['x', 'all'], outputs: ['y'], attributes: {} },
      ],
    })),
  ],
  ['a table by rows that positions choose from', rows, embedBy('rows', 'positions', 0)],
  ['a table by rows with an offset', rows, embedBy('rows', 'ids', 2)],
  ['a table by rows in a product', rows, withLayer(3, ({ weights: [table] }) => ({ weights: [byRows(table!)] }))],
  ['a whole table by ids beside one by rows', rows, withSecondTable()],
  [
    'two outputs of a layer',
    chain,
    withStage(2, 0, ({ outputs }) => ({ outputs: [...outputs, { ...outputs[0]!, name: 'wide', role: 'activation' }] })),
  ],
  [
    'two hidden inputs',
    chain,
    withStage(2, 0, ({ inputs }) => ({ inputs: [...inputs, { ...inputs[0]!, name: 'h' }] })),
  ],
  [
    'no hidden output',
    chain,
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

describeModel('a toy model whose table comes by rows', () => embedBy('rows', 'ids', 0), { describe, it, weights })

describe('describeModel catches', () => {
  it('a defect with every test', () => {
    const tests = collect((kit) => describeModel('any', () => toyModel, { ...kit, weights }))
    expect(new Set(defects.map(([, title]) => title))).toEqual(new Set(tests.keys()))
  })

  it.each(defects)('%s: %s', async (_defect, title, model) => {
    const tests = collect((kit) => describeModel('broken', () => model, { ...kit, weights }))
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
    const source = createToySource({ ...toyTensors, spare: { shape: [1], dtype: 'float32' } })
    const tests = collect((kit) =>
      describeModel('broken', () => toyModel, { ...kit, weights: async () => source, usesAllTensors: true }),
    )
    await expect(tests.get(checkpoint)!()).rejects.toThrow('spare')
  })

  it('stacked tensors of different dtypes', async () => {
    const source = createToySource({ ...toyTensors, k: { shape: [4, 4], dtype: 'float16' } })
    const tests = collect((kit) => describeModel('broken', () => toyModel, { ...kit, weights: async () => source }))
    await expect(tests.get(checkpoint)!()).rejects.toThrow('dtypes of the parts of qkv')
  })

  it('reference logits without a checkpoint', () => {
    const reference = { oracle: () => expect.unreachable(), cases: [] }
    expect(() => collect((kit) => describeModel('broken', () => toyModel, { ...kit, reference }))).toThrow('weights')
  })
})
