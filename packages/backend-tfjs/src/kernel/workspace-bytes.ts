import { type DynamicDimensions, elementCount, type GraphNode, inferShapes, type LayerGraph } from '@flexgen/spec'
import type { TensorEngine } from '../engine/tensor-engine.ts'
import { lastUses } from './last-uses.ts'
import { weightUse } from './weight-use.ts'

type Shapes = ReadonlyMap<string, readonly number[]>

/**
 * Upper bound of the tensors and temporary arrays of a run at any one time: what is bound is uploaded when it is first
 * used, and everything goes after its last use.
 *
 * @param held names of weights that are prepared
 */
export function workspaceBytes(
  graph: LayerGraph,
  dimensions: DynamicDimensions,
  maxPositions: number,
  held: ReadonlyMap<string, unknown>,
  engine: TensorEngine,
): number {
  const shapes = inferShapes(graph, dimensions)
  const drops = lastUses(graph)
  const live = new Map<string, number>()
  let liveBytes = 0
  let mostBytes = 0
  const add = (name: string, sizeBytes: number): void => {
    if (held.has(name) || live.has(name)) return
    live.set(name, sizeBytes)
    liveBytes += sizeBytes
  }
  for (const [index, node] of graph.nodes.entries()) {
    for (const name of node.inputs) add(name, inputBytes(graph, name, shapes.get(name)!, engine))
    // Results of JavaScript may be needed on the engine, too.
    for (const name of node.outputs) add(name, 8 * elementCount(shapes.get(name)!))
    mostBytes = Math.max(mostBytes, liveBytes + scratchBytes(node, shapes, maxPositions, held, engine))
    for (const name of drops[index]!) {
      liveBytes -= live.get(name) ?? 0
      live.delete(name)
    }
  }
  return mostBytes
}

function inputBytes(graph: LayerGraph, name: string, shape: readonly number[], engine: TensorEngine): number {
  const input = graph.inputs.find((value) => value.name === name)
  // Rows of a table are looked up where they lie.
  if (input === undefined || weightUse(graph, name).kind === 'table') return 0
  const sizeBytes = 4 * elementCount(shape)
  // Unaligned float32 values are copied first.
  return engine.sharesValues ? sizeBytes : 2 * sizeBytes
}

/** What an operator makes on its way, as multiples of its result where kernels are put together. */
function scratchBytes(
  node: GraphNode,
  shapes: Shapes,
  maxPositions: number,
  held: ReadonlyMap<string, unknown>,
  engine: TensorEngine,
): number {
  const outputShape = shapes.get(node.outputs[0]!)!
  const outputBytes = 4 * elementCount(outputShape)
  switch (node.operator) {
    case 'Linear': {
      const { transposed } = node.attributes
      const [rows, columns] = shapes.get(node.inputs[1]!)! as [number, number]
      const [inner, outer] = transposed ? [columns, rows] : [rows, columns]
      const tokens = elementCount(outputShape.slice(0, -1))
      const isHeld = held.has(node.inputs[1]!)
      return outputBytes + (isHeld ? 0 : engine.productScratchBytes(tokens, inner, outer, transposed))
    }
    case 'LayerNormalization':
    case 'RMSNormalization':
    case 'Gelu':
      return 6 * outputBytes
    case 'Softmax':
    case 'RotaryEmbedding':
      return 5 * outputBytes
    case 'Silu':
      return 2 * outputBytes
    case 'Attention':
      return attentionBytes(node, outputShape, maxPositions, engine)
    case 'TopK':
    case 'Sample':
      return 16 * shapes.get(node.inputs[0]!)!.at(-1)!
    default:
      return 0
  }
}

function attentionBytes(
  { attributes }: Extract<GraphNode, { operator: 'Attention' }>,
  shape: readonly number[],
  maxPositions: number,
  engine: TensorEngine,
): number {
  const { heads, kvHeads, headDim } = attributes
  const seq = shape[1]!
  const rows = (heads / kvHeads) * seq
  // Cards keep the results of all lanes, and put them together, before they are read.
  const queries = (engine.isRemote ? 16 : 4) * elementCount(shape)
  const scores = 4 * rows * maxPositions
  const lane = 8 * maxPositions * headDim + 12 * rows * headDim
  const products =
    engine.productScratchBytes(rows, headDim, maxPositions, true) +
    engine.productScratchBytes(rows, maxPositions, headDim, false)
  return queries + 6 * scores + 4 * seq * maxPositions + lane + products
}
