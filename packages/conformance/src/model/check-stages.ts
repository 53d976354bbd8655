import assert from 'node:assert/strict'
import { type Dimension, inferShapes, operatorNames, type ScheduleLayer, type Stage } from '@flexgen/spec'

const samples = [
  { batch: 1, seq: 1 },
  { batch: 1, seq: 7 },
  { batch: 3, seq: 1 },
  { batch: 5, seq: 11 },
]

const systemNames = new Set(['ids', 'positions', 'lengths', 'uniform'])

/** Asserts that the stages of a layer chain by names, bind the layer's weights as declared, and have shapes that fit. */
export function checkStages(layer: ScheduleLayer, stages: readonly Stage[]): void {
  assert.ok(stages.length > 0, `${layer.name} has no stages`)
  const weights = new Map(layer.weights.map((weight) => [weight.name, weight]))
  const available = new Map<string, readonly Dimension[]>()
  const bound = new Set<string>()
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
    }
    for (const node of graph.nodes) assert.ok(operatorNames.includes(node.operator), `${where}: ${node.operator}`)
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
