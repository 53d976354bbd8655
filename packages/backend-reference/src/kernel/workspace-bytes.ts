import {
  type DynamicDimensions,
  elementCount,
  type GraphNode,
  inferShapes,
  type LayerGraph,
  q4Group,
} from '@flexgen/spec'
import { linearBlockRows } from '../operators/linear.ts'

type Shapes = ReadonlyMap<string, readonly number[]>

/**
 * Upper bound of the temporary arrays of a run: results of all nodes, unaligned inputs, scratch of the operators.
 *
 * @param held names of weights that are prepared
 */
export function workspaceBytes(
  graph: LayerGraph,
  dimensions: DynamicDimensions,
  maxPositions: number,
  held: ReadonlyMap<string, unknown>,
): number {
  const shapes = inferShapes(graph, dimensions)
  let total = 0
  for (const { name } of graph.inputs) if (!held.has(name)) total += inputBytes(graph, name, shapes.get(name)!)
  for (const node of graph.nodes) {
    for (const output of node.outputs) total += 4 * elementCount(shapes.get(output)!)
    total += scratchBytes(node, shapes, maxPositions)
  }
  return total
}

/** Widened values, and the raw bytes of two-byte weights at odd addresses; matrices pass a few rows at a time. */
function inputBytes(graph: LayerGraph, name: string, shape: readonly number[]): number {
  const isReadByRows = graph.nodes.every((node) =>
    node.inputs.every(
      (input, index) => input !== name || index === { Gather: 0, Linear: 1 }[node.operator as 'Gather' | 'Linear'],
    ),
  )
  const rows = elementCount(shape.slice(0, -1))
  if (graph.inputs.find((input) => input.name === name)!.dtype === 'q4g64c')
    return 4 * (Math.min(q4Group.values, rows) + (isReadByRows ? linearBlockRows : rows)) * (shape.at(-1) ?? 1)
  return 6 * (isReadByRows ? Math.min(linearBlockRows, rows) : rows) * (shape.at(-1) ?? 1)
}

function scratchBytes(node: GraphNode, shapes: Shapes, maxPositions: number): number {
  const width = shapes.get(node.inputs[0]!)!.at(-1)!
  const outputShape = shapes.get(node.outputs[0]!)!
  switch (node.operator) {
    case 'Linear':
      // A bias of zeros, or sums in float64.
      return node.attributes.transposed ? 4 * outputShape.at(-1)! : 8 * elementCount(outputShape)
    case 'Attention':
      return 12 * maxPositions + 12 * node.attributes.headDim
    case 'TopK':
      return 4 * width
    case 'Sample':
      return 12 * width
    default:
      return 0
  }
}
