import type { GraphNode, OperatorName } from '@flexgen/spec'

/** Least and largest number of inputs; one where nothing is said. */
const inputCounts: Readonly<Partial<Record<OperatorName, readonly [number, number]>>> = {
  Gather: [2, 2],
  Linear: [2, 3],
  Add: [2, 2],
  Mul: [2, 2],
  LayerNormalization: [3, 3],
  RMSNormalization: [2, 2],
  RotaryEmbedding: [2, 2],
  Attention: [3, 3],
  Sample: [2, 2],
}

/** Calls `fail`, which throws, for a node with too few or too many inputs for its operator. */
export function checkInputCount({ operator, inputs }: GraphNode, fail: (what: string) => never): void {
  const [least, largest] = inputCounts[operator] ?? [1, 1]
  if (inputs.length < least || inputs.length > largest) fail(`${operator} cannot take ${inputs.length} inputs`)
}
