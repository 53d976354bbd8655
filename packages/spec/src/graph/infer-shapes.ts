import { UnsupportedDataError } from '../error/unsupported-data-error.ts'
import type { GraphNode } from './graph-node.ts'
import type { LayerGraph } from './layer-graph.ts'

/** Values of the dimensions that change from run to run. */
export interface DynamicDimensions {
  readonly batch: number
  readonly seq: number
}

type Shape = readonly number[]

/**
 * Shape of every value of a graph for a batch and a sequence length.
 * @throws {FlexgenError} `UNSUPPORTED_DATA` where shapes do not fit, a value is used before it is written or is
 * written twice, or an output is never written
 */
export function inferShapes(graph: LayerGraph, dimensions: DynamicDimensions): Map<string, Shape> {
  const shapes = new Map<string, Shape>()
  const define = (name: string, shape: Shape): void => {
    if (shapes.has(name)) throw wrong(graph, `value ${name} is written twice`)
    shapes.set(name, shape)
  }
  for (const input of graph.inputs) {
    define(
      input.name,
      input.shape.map((d) => (typeof d === 'number' ? d : dimensions[d])),
    )
  }
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => {
      const shape = shapes.get(name)
      if (shape === undefined) throw wrong(graph, `${node.operator} reads ${name} before it is written`)
      return shape
    })
    const outputs = outputShapes(graph, node, inputs)
    if (outputs.length !== node.outputs.length) throw wrong(graph, `${node.operator} has ${outputs.length} outputs`)
    outputs.forEach((shape, i) => define(node.outputs[i]!, shape))
  }
  for (const output of graph.outputs) {
    if (!shapes.has(output.name)) throw wrong(graph, `output ${output.name} is never written`)
  }
  return shapes
}

function outputShapes(graph: LayerGraph, node: GraphNode, inputs: readonly Shape[]): Shape[] {
  const fail = (): never => {
    throw wrong(
      graph,
      `${node.operator} cannot take shapes ${inputs.map((shape) => `[${shape.join(', ')}]`).join(' and ')}`,
    )
  }
  const first = inputs[0] ?? fail()
  const last = first.at(-1) ?? fail()
  const lead = first.slice(0, -1)
  switch (node.operator) {
    case 'Gather':
      return first.length === 2 && inputs[1] !== undefined ? [[...inputs[1], last]] : fail()
    case 'Linear': {
      const weight = inputs[1] ?? fail()
      const [out, inner] = node.attributes.transposed ? [weight[0]!, weight[1]!] : [weight[1]!, weight[0]!]
      if (weight.length !== 2 || inner !== last || (inputs[2] !== undefined && inputs[2][0] !== out)) fail()
      return [[...lead, out]]
    }
    case 'Add':
    case 'Mul':
      return String(first) === String(inputs[1]) ? [first] : fail()
    case 'LayerNormalization':
    case 'RMSNormalization':
      return inputs.slice(1).every((shape) => shape.length === 1 && shape[0] === last) ? [first] : fail()
    case 'Split':
      return node.attributes.sizes.reduce((sum, size) => sum + size, 0) === last
        ? node.attributes.sizes.map((size) => [...lead, size])
        : fail()
    case 'RotaryEmbedding':
      return node.attributes.heads * node.attributes.headDim === last ? [first] : fail()
    case 'Attention': {
      const { heads, kvHeads, headDim } = node.attributes
      const kv = (shape: Shape | undefined): boolean => shape?.at(-1) === kvHeads * headDim
      return heads * headDim === last && kv(inputs[1]) && kv(inputs[2]) && heads % kvHeads === 0 ? [first] : fail()
    }
    case 'LastPosition':
      return first.length === 3 ? [[first[0]!, 1, last]] : fail()
    case 'ArgMax':
      return [lead]
    case 'TopK':
      return node.attributes.k <= last
        ? [
            [...lead, node.attributes.k],
            [...lead, node.attributes.k],
          ]
        : fail()
    case 'Sample':
      return first.length === 3 && first[1] === 1 ? [[first[0]!, 1]] : fail()
    default:
      return [first]
  }
}

function wrong(graph: LayerGraph, what: string): UnsupportedDataError {
  return new UnsupportedDataError(`layer graph ${graph.name}: ${what}`)
}
