import assert from 'node:assert/strict'
import { elementCount, type LayerGraph, type Model, type ScheduleLayer, type Stage } from '@flexgen/spec'
import { agreementSuite } from './agreement-suite.ts'
import { checkAttention } from './check-attention.ts'
import { checkGatheredRows, checkStages } from './check-stages.ts'
import type { ModelKit } from './model-kit.ts'

/**
 * The conformance suite of models: order of layers, weights and their parts, graphs whose shapes fit, stages that
 * chain, both heads, agreement with a checkpoint's table of tensors, and with the logits of another implementation.
 *
 * @param create makes the model; called once a test
 */
export function describeModel(name: string, create: () => Model | Promise<Model>, kit: ModelKit): void {
  const test = (title: string, body: (model: Model) => void | Promise<void>): void =>
    void kit.it(title, async () => body(await create()))

  kit.describe(`${name} is a model`, () => {
    test('has one embed layer, attention and mlp for every block in order, and one head', (model) => {
      const kinds = model.layers.map((layer) => `${layer.kind} ${layer.block ?? '-'}`)
      const blocks = Array.from({ length: model.facts.decoderLayers }, (_, i) => [`attention ${i}`, `mlp ${i}`])
      assert.deepEqual(kinds, ['embed -', ...blocks.flat(), 'head -'])
      const names = model.layers.map((layer) => layer.name)
      assert.equal(new Set(names).size, names.length, 'layer names are unique')
    })

    test('states sane facts', (model) => {
      const { vocabularySize, hiddenSize, maxPositions, kvHeads, headDim, facts } = model
      assert.equal(model.specificationVersion, 'v1')
      for (const value of [vocabularySize, hiddenSize, maxPositions, kvHeads, headDim, ...Object.values(facts)])
        assert.ok(Number.isSafeInteger(value) && value > 0, `${value} is no size`)
      assert.equal(facts.heads % kvHeads, 0)
      assert.ok([...model.eosIds, model.padId].every((id) => id >= 0 && id < vocabularySize))
    })

    test('names every weight of a layer once, and its parts stack to its shape', (model) => {
      for (const layer of model.layers) {
        const names = layer.weights.map((weight) => weight.name)
        assert.equal(new Set(names).size, names.length, `${layer.name}: weight names are unique`)
        for (const weight of layer.weights) {
          const where = `${layer.name}.${weight.name}`
          assert.ok(weight.parts.length > 0, `${where} has no parts`)
          for (const part of weight.parts)
            assert.deepEqual(part.shape.slice(1), weight.shape.slice(1), `${where}: ${part.tensor} has other columns`)
          const rows = weight.parts.reduce((sum, part) => sum + part.shape[0]!, 0)
          assert.equal(rows, weight.shape[0], `${where}: rows of the parts`)
        }
      }
    })

    test('has graphs whose weights are those of the layer and whose shapes fit for any batch and length', (model) => {
      for (const layer of model.layers) checkStages(layer, layer.stages)
    })

    test('reads by rows only tables that ids alone choose from', (model) => {
      for (const layer of model.layers) checkGatheredRows(layer)
    })

    test('keeps attention in one stage of its own a block, with the cache of the model', (model) => {
      for (const layer of model.layers) checkAttention(model, layer)
    })

    test('chains layers by the hidden state, from ids to logits', (model) => {
      let shape: string | undefined
      for (const layer of model.layers) {
        for (const [index, { graph }] of layer.stages.entries()) {
          const inputs = hiddenValues(graph.inputs)
          assert.ok(inputs.length <= 1, `${layer.name}, ${graph.name}: one hidden input`)
          if (index === 0) assert.deepEqual(inputs, shape === undefined ? [] : [shape], `${layer.name}: hidden input`)
        }
        const { outputs } = layer.stages.at(-1)!.graph
        assert.equal(outputs.length, 1, `${layer.name}: outputs of the last stage`)
        shape = hiddenValues(outputs)[0]
        assert.equal(shape !== undefined, layer.kind !== 'head', `${layer.name}: hidden state as the output`)
      }
    })

    test('gives logits of the last and of all positions from the same weights', (model) => {
      const head = model.layers.at(-1)!
      checkStages(head, model.headAllPositions)
      const logitsShape = (stages: readonly Stage[]): unknown => stages.at(-1)!.graph.outputs.at(-1)!.shape
      assert.deepEqual(logitsShape(head.stages), ['batch', 1, model.vocabularySize])
      assert.deepEqual(logitsShape(model.headAllPositions), ['batch', 'seq', model.vocabularySize])
    })

    test('counts its parameters as its weights do', (model) => {
      const tensors = tensorSizes(model.layers)
      let sum = [...tensors.values()].reduce((total, count) => total + count, 0)
      if (kit.dummy === true && sum !== model.facts.parameters) sum -= untiedHeadSize(model)
      assert.equal(model.facts.parameters, sum)
    })

    const { weights, reference } = kit
    assert.ok(reference === undefined || weights !== undefined, `${name}: reference logits need the weights of the kit`)
    if (weights !== undefined) checkpointTest(test, weights, kit.usesAllTensors === true)
    if (weights !== undefined && reference !== undefined) agreementSuite(test, reference, weights)
  })
}

/** Shapes of the hidden states among values. */
function hiddenValues(values: LayerGraph['inputs']): string[] {
  return values.filter(({ role }) => role === 'hidden').map(({ shape }) => shape.join())
}

/** Number of values of every checkpoint tensor of some layers. */
function tensorSizes(layers: readonly ScheduleLayer[]): Map<string, number> {
  const parts = layers.flatMap((layer) => layer.weights).flatMap((weight) => weight.parts)
  return new Map(parts.map((part) => [part.tensor, elementCount(part.shape)]))
}

/** Number of values of the one matrix of the head that has a row for every token and that no other layer binds. */
function untiedHeadSize({ layers, vocabularySize }: Model): number {
  const others = tensorSizes(layers.slice(0, -1))
  const matrices = layers
    .at(-1)!
    .weights.flatMap((weight) => weight.parts)
    .filter(({ tensor, shape }) => shape.length === 2 && shape[0] === vocabularySize && !others.has(tensor))
  assert.equal(matrices.length, 1, 'matrices of an untied head')
  return elementCount(matrices[0]!.shape)
}

function checkpointTest(
  test: (title: string, body: (model: Model) => Promise<void>) => void,
  openWeights: NonNullable<ModelKit['weights']>,
  usesAllTensors: boolean,
): void {
  test('finds every weight in the checkpoint with the shape that it declares', async (model) => {
    await using source = await openWeights()
    const used = new Set<string>()
    for (const layer of model.layers) {
      for (const { name, parts } of layer.weights) {
        const dtypes = new Set<string>()
        for (const part of parts) {
          const tensor = source.tensors.get(part.tensor)
          assert.ok(tensor !== undefined, `${layer.name}: the checkpoint has no ${part.tensor}`)
          assert.deepEqual([...tensor.shape], [...part.shape], `${layer.name}: shape of ${part.tensor}`)
          dtypes.add(tensor.dtype)
          used.add(part.tensor)
        }
        assert.equal(dtypes.size, 1, `${layer.name}: dtypes of the parts of ${name}`)
      }
    }
    if (usesAllTensors)
      assert.deepEqual(
        [...source.tensors.keys()].filter((key) => !used.has(key)),
        [],
      )
  })
}
