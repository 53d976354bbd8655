import type { GraphNode, NodeOf } from '@flexgen/spec'
import type { GraphInfo } from '../../graphs/graph-info.ts'
import { tensorTypes } from '../../onnx/tensor-type.ts'
import { isProductType } from '../products/products.ts'
import { runAlignment } from '../kernel/scratch-layout.ts'

/** Part of a product: some of the lines of its weight, and the value that they give. */
export interface ProductPart {
  readonly output: string
  /** First of its values in a row of the whole. */
  readonly start: number
  readonly width: number
}

/** A Linear with what is done to its result in the same kernel. */
export interface GraphProduct {
  /** The Linear, and the node behind it that is part of it, if there is one. */
  readonly nodes: readonly [linear: NodeOf<'Linear'>, last?: GraphNode]
  /** Whether a Relu follows. */
  readonly isRectified: boolean
  /** What is added to it. */
  readonly residual: string | undefined
  /** What it writes: several where a Split follows. */
  readonly parts: readonly ProductPart[]
}

/**
 * The products of a graph by each of their nodes: every Linear whose values all have the type that the graph computes in
 * (its weight may lie in 4-bit groups, which are unpacked to it), with the Relu, residual sum or Split that is the only reader of its result.
 */
export function findProducts(info: GraphInfo): ReadonlyMap<GraphNode, GraphProduct> {
  const found = new Map<GraphNode, GraphProduct>()
  for (const node of info.graph.nodes) {
    if (node.operator !== 'Linear' || !isProduct(info, node)) continue
    const product = productOf(info, node, found)
    for (const part of product.nodes) found.set(part!, product)
  }
  return found
}

function isProduct(info: GraphInfo, { inputs, outputs }: NodeOf<'Linear'>): boolean {
  const [x, weight, ...biases] = inputs as [string, string, ...string[]]
  return isOfOneType(info, [x, ...biases, ...outputs]) && info.values.get(weight)!.type === info.compute
}

/** Whether values lie in memory as the type that the graph computes in, and that is one of ours. */
export function isOfOneType({ values, compute }: GraphInfo, names: readonly string[]): boolean {
  return isProductType(compute) && names.every((name) => values.get(name)!.dtype === compute)
}

function productOf(
  info: GraphInfo,
  linear: NodeOf<'Linear'>,
  found: ReadonlyMap<GraphNode, GraphProduct>,
): GraphProduct {
  const [result] = linear.outputs as [string]
  const next = onlyReader(info, result)
  const whole = (output: string): ProductPart[] => [{ output, start: 0, width: info.values.get(result)!.width }]
  const isOwn = next !== undefined && !found.has(next) && isOfOneType(info, next.outputs)
  if (isOwn && next.operator === 'Relu')
    return { nodes: [linear, next], isRectified: true, residual: undefined, parts: whole(next.outputs[0]!) }
  if (isOwn && next.operator === 'Add') {
    const residual = next.inputs.find((name) => name !== result)
    if (residual !== undefined && isOfOneType(info, [residual]))
      return { nodes: [linear, next], isRectified: false, residual, parts: whole(next.outputs[0]!) }
  }
  if (isOwn && next.operator === 'Split') {
    const parts = splitParts(next)
    const bytes = tensorTypes[info.compute].bytes
    const lineBytes = linear.attributes.transposed ? info.values.get(linear.inputs[0]!)!.width * bytes : bytes
    const isAligned = parts.every(({ start }) => [start * bytes, start * lineBytes].every(isAlignedForRuns))
    if (isAligned) return { nodes: [linear, next], isRectified: false, residual: undefined, parts }
  }
  return { nodes: [linear], isRectified: false, residual: undefined, parts: whole(result) }
}

function isAlignedForRuns(byteOffset: number): boolean {
  return byteOffset % runAlignment === 0
}

function splitParts({ outputs, attributes }: NodeOf<'Split'>): ProductPart[] {
  let start = 0
  return outputs.map((output, i) => {
    const width = attributes.sizes[i]!
    start += width
    return { output, start: start - width, width }
  })
}

/** The node that alone reads a value, once, where nobody outside does. */
function onlyReader({ graph }: GraphInfo, name: string): GraphNode | undefined {
  if (graph.outputs.some((output) => output.name === name)) return undefined
  const readers = graph.nodes.filter(({ inputs }) => inputs.includes(name))
  const [reader] = readers
  return readers.length === 1 && reader!.inputs.filter((input) => input === name).length === 1 ? reader : undefined
}

/**
 * The nodes in an order in which those of a product are neighbours, where its last node stood: what is added to it is known
 * there.
 */
export function orderByProducts(
  nodes: readonly GraphNode[],
  products: ReadonlyMap<GraphNode, GraphProduct>,
): readonly GraphNode[] {
  return nodes.flatMap((node) => {
    const product = products.get(node)
    if (product === undefined) return [node]
    return node === product.nodes.at(-1) ? product.nodes.map((part) => part!) : []
  })
}
