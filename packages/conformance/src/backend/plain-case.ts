import { floatsOf, floatTensor, type TensorData } from '../kit/tensor-data.ts'
import type { OperatorCase } from './operator-cases.ts'

/** The same case with float32 weights of the same values, which every oracle takes. */
export function plainCase({ graph, inputs }: OperatorCase): [OperatorCase['graph'], OperatorCase['inputs']] {
  const weights = new Set(graph.inputs.filter(({ role }) => role === 'weight').map(({ name }) => name))
  const widen = (name: string, tensor: TensorData): TensorData =>
    weights.has(name) ? floatTensor(tensor.shape, floatsOf(tensor)) : tensor
  return [
    {
      ...graph,
      inputs: graph.inputs.map((input) => (weights.has(input.name) ? { ...input, dtype: 'float32' } : input)),
    },
    Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, widen(name, tensor)])),
  ]
}
