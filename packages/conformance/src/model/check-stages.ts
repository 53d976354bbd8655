import assert from 'node:assert/strict'
import { type Dimension, inferShapes, operatorNames, type ScheduleLayer, type Stage } from '@flexgen/spec'

const samples = [
  { batch: 1, seq: 1 },
  { batch: 1, seq: 7 },
  { batch: 3, seq: 1 },
  { batch: 5, seq: 11 },
]

/** What an engine gives to layers; `uniform` is for sampling, which is no part of a model. */
const systemNames = new Set(['ids', 'positions', 'lengths'])

/**
 * Asserts that the stages of a layer chain by names, bind the layer's weights as declared, have shapes that fit, and
 * write no name twice, since stages that run in one place become one graph.
 */
export function checkStages(layer: ScheduleLayer, stages: readonly Stage[]): void {
  assert.ok(stages.length > 0, `${layer.name} has no stages`)
  const weights = new Map(layer.weights.map((weight) => [weight.name, weight]))
  const available = new Map<string, readonly Dimension[]>()
  const bound = new Set<string>()
  const names = new Set<string>()
  for (const [index, { graph }] of stages.entries()) {
    const where = `${layer.name}, ${graph.name}`
    for (const input of graph.inputs) {
      switch (input.role) {
        case 'weight':
          assert.deepEqual(
            [...input.shape],
            [...(weights.get(input.name)?.shape ?? [])],
            `${where}: weight ${input.name}`,
          )
          bound.add(input.name)
          break
        case 'system':
          assert.ok(systemNames.has(input.name), `${where}: ${input.name} is no system input`)
          break
        default:
          if (index === 0) assert.equal(input.role, 'hidden', `${where}: ${input.name} comes from nowhere`)
          else assert.deepEqual(available.get(input.name), input.shape, `${where}: ${input.name} of the stages before`)
      }
      if (input.role === 'hidden') available.set(input.name, input.shape)
      names.add(input.name)
    }
    for (const node of graph.nodes) {
      assert.ok(operatorNames.includes(node.operator), `${where}: ${node.operator}`)
      for (const output of node.outputs) {
        assert.ok(!names.has(output), `${where}: ${output} is the name of another value of the layer`)
        names.add(output)
      }
    }
    for (const dimensions of samples) {
      const shapes = inferShapes(graph, dimensions)
      for (const output of graph.outputs) {
        const declared = output.shape.map((dimension) =>
          typeof dimension === 'number' ? dimension : dimensions[dimension],
        )
        assert.deepEqual([...shapes.get(output.name)!], declared, `${where}: shape of ${output.name}`)
      }
    }
    for (const output of graph.outputs) available.set(output.name, output.shape)
  }
  assert.deepEqual(bound, new Set(weights.keys()), `${layer.name}: weights that the graphs bind`)
}

/**
 * Asserts that a table of which the engine may bring some rows alone is read by `ids` and nothing else, and that `ids`,
 * which then count within those rows, choose from no whole table.
 */
export function checkGatheredRows({ name, weights, stages }: ScheduleLayer): void {
  const byRows = new Set(weights.filter(({ access }) => access === 'rows').map((weight) => weight.name))
  for (const node of stages.flatMap(({ graph }) => graph.nodes)) {
    const [table, indices] = node.inputs
    const others = node.operator === 'Gather' ? node.inputs.slice(1) : node.inputs
    assert.ok(!others.some((input) => byRows.has(input)), `${name}: ${node.operator} reads a table that comes by rows`)
    if (node.operator !== 'Gather' || byRows.size === 0) continue
    const isByIds = indices === 'ids' && node.attributes.indexOffset === 0
    assert.equal(byRows.has(table!), isByIds, `${name}: rows of ${table} chosen by ${indices}`)
  }
}
