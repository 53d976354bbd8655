import type { GraphNode } from '@flexgen/spec'

/** Layer norm with the scale and bias of `normWeights`; epsilon is PyTorch's default, which OPT uses. */
export function normNode(name: string, input: string, output: string): GraphNode {
  return {
    operator: 'LayerNormalization',
    inputs: [input, `${name}.scale`, `${name}.bias`],
    outputs: [output],
    attributes: { epsilon: 1e-5 },
  }
}

/** `x W^T + b` with the weights of `linearWeights`. */
export function linearNode(name: string, hasBias: boolean, input: string, output: string): GraphNode {
  return {
    operator: 'Linear',
    inputs: hasBias ? [input, `${name}.weight`, `${name}.bias`] : [input, `${name}.weight`],
    outputs: [output],
    attributes: { transposed: true },
  }
}

/** Sum of two tensors. */
export function addNode(first: string, second: string, output: string): GraphNode {
  return { operator: 'Add', inputs: [first, second], outputs: [output], attributes: {} }
}
