import { type GraphNode, operatorNames } from '@flexgen/spec'
import { dtypeNumbers } from './capabilities.ts'
import type { GraphInfo } from './graph-info.ts'
import { planNodes, type PlannedNode } from './plan-nodes.ts'

/** A graph as the C library reads it (`program.c`): all numbers are doubles. */
export interface EncodedProgram {
  readonly words: Float64Array
  /** Names of the values, by slot. */
  readonly slots: readonly string[]
  readonly nodes: readonly PlannedNode[]
}

/** Encodes a checked graph. */
export function encodeProgram(info: GraphInfo): EncodedProgram {
  const { graph, values } = info
  const nodes = planNodes(graph)
  const used = new Set(nodes.flatMap(({ inputs, outputs }) => [...inputs, ...outputs]))
  const isBorder = (name: string): boolean => values.get(name)!.declared !== undefined
  const slots = [...values.keys()].filter((name) => used.has(name) || isBorder(name))
  const slotOf = new Map(slots.map((name, slot) => [name, slot]))
  const caches = new Map(graph.caches.map(({ name }, index) => [name, index]))
  const words = [
    slots.length,
    caches.size,
    nodes.length,
    ...slots.flatMap((name) => {
      const { dtype, width } = values.get(name)!
      return [dtypeNumbers[dtype], isBorder(name) ? 0 : 1, width]
    }),
    ...nodes.flatMap(({ node, inputs, outputs, activation }) => {
      const attributes = attributesOf(node, caches, activation)
      return [
        operatorNames.indexOf(node.operator),
        inputs.length,
        ...inputs.map((name) => (name === undefined ? -1 : slotOf.get(name)!)),
        outputs.length,
        ...outputs.map((name) => slotOf.get(name)!),
        attributes.length,
        ...attributes,
      ]
    }),
  ]
  return { words: Float64Array.from(words), slots, nodes }
}

function attributesOf(node: GraphNode, caches: ReadonlyMap<string, number>, activation: number): number[] {
  switch (node.operator) {
    case 'Gather':
      return [node.attributes.indexOffset]
    case 'Linear':
      return [Number(node.attributes.transposed), activation]
    case 'LayerNormalization':
    case 'RMSNormalization':
      return [node.attributes.epsilon]
    case 'Gelu':
      return [Number(node.attributes.approximate === 'tanh')]
    case 'RotaryEmbedding': {
      const { heads, headDim, rotaryDim, theta, interleaved } = node.attributes
      return [heads, headDim, rotaryDim, theta, Number(interleaved)]
    }
    case 'Attention': {
      const { cache, heads, kvHeads, headDim, scale, sparsity } = node.attributes
      return [caches.get(cache)!, heads, kvHeads, headDim, scale, sparsity]
    }
    case 'TopK':
      return [node.attributes.k]
    case 'Sample':
      return [node.attributes.temperature, node.attributes.topK, node.attributes.topP]
    default:
      return []
  }
}
