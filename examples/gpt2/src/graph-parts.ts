import type { GraphNode, GraphValue, LayerGraph, Stage, WeightSpec } from '@flexgen/spec'

/** System inputs: ids and absolute positions of the new tokens, and how many positions of every row are valid. */
export const system: Readonly<Record<'ids' | 'positions' | 'lengths', GraphValue>> = {
  ids: { name: 'ids', dtype: 'int32', shape: ['batch', 'seq'], role: 'system' },
  positions: { name: 'positions', dtype: 'int32', shape: ['batch', 'seq'], role: 'system' },
  lengths: { name: 'lengths', dtype: 'int32', shape: ['batch'], role: 'system' },
}

/** `hidden` flows from layer to layer, `activation` from stage to stage of one layer; both `[batch, seq, width]`. */
export function flow(name: string, width: number, role: 'hidden' | 'activation'): GraphValue {
  return { name, dtype: 'compute', shape: ['batch', 'seq', width], role }
}

/** One tensor of the checkpoint, and the name under which graphs bind it. */
export function weight(name: string, tensor: string, shape: readonly number[]): WeightSpec {
  return { name, shape, parts: [{ tensor, shape }], access: 'whole' }
}

/** Scale and bias of a layer norm. */
export function normWeights(name: string, tensor: string, width: number): WeightSpec[] {
  return [weight(`${name}.scale`, `${tensor}.weight`, [width]), weight(`${name}.bias`, `${tensor}.bias`, [width])]
}

/** Matrix `[inputs, outputs]` and bias of transformers' `Conv1D`, which is how GPT-2 stores its linear layers. */
export function conv1dWeights(name: string, tensor: string, inputs: number, outputs: number): WeightSpec[] {
  return [
    weight(`${name}.weight`, `${tensor}.weight`, [inputs, outputs]),
    weight(`${name}.bias`, `${tensor}.bias`, [outputs]),
  ]
}

/** Layer norm with the weights of `normWeights`. */
export function normNode(name: string, input: string, output: string, epsilon: number): GraphNode {
  const inputs = [input, `${name}.scale`, `${name}.bias`]
  return { operator: 'LayerNormalization', inputs, outputs: [output], attributes: { epsilon } }
}

/** `x W + b` with the weights of `conv1dWeights`. */
export function conv1dNode(name: string, input: string, output: string): GraphNode {
  const inputs = [input, `${name}.weight`, `${name}.bias`]
  return { operator: 'Linear', inputs, outputs: [output], attributes: { transposed: false } }
}

/** Sum of two tensors of one shape. */
export function addNode(first: string, second: string, output: string): GraphNode {
  return { operator: 'Add', inputs: [first, second], outputs: [output], attributes: {} }
}

/** A stage that runs on the device, with the weights that its nodes read. */
export function denseStage(
  name: string,
  inputs: readonly GraphValue[],
  weights: readonly WeightSpec[],
  nodes: readonly GraphNode[],
  outputs: readonly GraphValue[],
): Stage {
  const read = new Set(nodes.flatMap((node) => node.inputs))
  const bound = weights.filter((each) => read.has(each.name))
  const weightInputs = bound.map((each): GraphValue => {
    return { name: each.name, dtype: 'weight', shape: each.shape, role: 'weight' }
  })
  const graph: LayerGraph = { name, inputs: [...inputs, ...weightInputs], outputs, caches: [], nodes }
  return { kind: 'dense', graph }
}
