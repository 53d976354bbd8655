import { openCheckpoint } from '@flexgen/checkpoint'
import { describeModel } from '@flexgen/conformance'
import { loadFixture } from '@flexgen/opt-fixtures'
import type { GraphNode, Model, WeightSpec } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { createOptModel } from '../src/index.ts'
import { referenceOf } from './reference-of.ts'

const fixture = loadFixture('pre-norm')
const weights = () => openCheckpoint(fixture.folder)
await using source = await weights()
const model = createOptModel(fixture.config, { tensorNames: source.tensors.keys() })

type ChangeNode = (node: GraphNode) => GraphNode
type ChangeWeight = (weight: WeightSpec) => WeightSpec

/** The model with other nodes and weights. */
function changed(change: ChangeNode, changeWeight: ChangeWeight = (weight) => weight): Model {
  const stages = (all: Model['headAllPositions']): Model['headAllPositions'] =>
    all.map(({ kind, graph }) => ({ kind, graph: { ...graph, nodes: graph.nodes.map(change) } }))
  const layers = model.layers.map((layer) => ({
    ...layer,
    weights: layer.weights.map(changeWeight),
    stages: stages(layer.stages),
  }))
  return { ...model, layers, headAllPositions: stages(model.headAllPositions) }
}

/** A node with other attributes, where it is of that operator. */
const attributes =
  (operator: string, change: object): ChangeNode =>
  (node) =>
    node.operator === operator ? ({ ...node, attributes: { ...node.attributes, ...change } } as GraphNode) : node

const swapped = ([first, second, ...rest]: readonly string[]): string[] => [second!, first!, ...rest]

const checkpoint = 'finds every weight in the checkpoint with the shape that it declares'
const prompt = 'gives the reference logits at every position of a prompt'
const decode = 'gives the reference logits in decode, one id at a time behind the cached ones'
const last = 'gives the last position alone what it gives it among all'

const defects: readonly (readonly [defect: string, model: Model, titles: readonly string[]])[] = [
  ['another epsilon', changed(attributes('LayerNormalization', { epsilon: 1e-3 })), [prompt, decode]],
  ['another scale', changed(attributes('Attention', { scale: 0.25 })), [prompt, decode]],
  ['another activation', changed((node) => (node.operator === 'Relu' ? gelu(node) : node)), [prompt, decode]],
  ['a matrix read the other way', changed(transposeOut), [prompt, decode]],
  [
    'q and k in each other’s place',
    changed((node) => (node.operator === 'Split' ? { ...node, outputs: swapped(node.outputs) } : node)),
    [prompt, decode],
  ],
  [
    'rows of the parts stacked in another order',
    changed(
      (node) => node,
      (weight) => (weight.name === 'qkv.weight' ? { ...weight, parts: weight.parts.toReversed() } : weight),
    ),
    [prompt, decode],
  ],
  ['places that start elsewhere', changed(attributes('Gather', { indexOffset: 0 })), [prompt, decode]],
  [
    'a tensor declared the other way round',
    changed(
      (node) => node,
      (weight) => (weight.name === 'up.weight' ? turned(weight) : weight),
    ),
    [checkpoint],
  ],
  ['two heads that differ', { ...model, headAllPositions: changed(dropNorm).headAllPositions }, [prompt, last]],
]

function gelu(node: GraphNode): GraphNode {
  return { ...node, operator: 'Gelu', attributes: { approximate: 'none' } }
}

function transposeOut(node: GraphNode): GraphNode {
  return node.operator === 'Linear' && node.inputs[1] === 'out.weight'
    ? { ...node, attributes: { transposed: false } }
    : node
}

function turned(weight: WeightSpec): WeightSpec {
  const shape = weight.shape.toReversed()
  return { ...weight, shape, parts: weight.parts.map((part) => ({ ...part, shape })) }
}

/** The sum with itself in place of the norm before the head, which no shape tells from it. */
function dropNorm(node: GraphNode): GraphNode {
  return node.operator === 'LayerNormalization'
    ? { ...node, operator: 'Add', inputs: [node.inputs[0]!, node.inputs[0]!], attributes: {} }
    : node
}

describe.each(defects)('describeModel catches %s', (_defect, broken, titles) => {
  const tests = new Map<string, () => Promise<void>>()
  describeModel('broken', () => broken, {
    describe: (_name, body) => body(),
    it: (title, body) => tests.set(title, body),
    weights,
    reference: referenceOf(fixture),
  })

  it.each(titles)('%s', async (title) => {
    await expect(tests.get(title)!()).rejects.toThrow(/logits at position|shape of/)
  })
})
