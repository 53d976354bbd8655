import type { WeightSpec } from '@flexgen/spec'

/** A weight that is one tensor of the checkpoint. */
export function plainWeight(name: string, tensor: string, shape: readonly number[]): WeightSpec {
  return { name, shape, parts: [{ tensor, shape }], access: 'whole' }
}

/** Tensors of one shape, stacked along dimension 0 into one weight. */
export function stackedWeight(name: string, tensors: readonly string[], shape: readonly number[]): WeightSpec {
  const [rows = 0, ...rest] = shape
  return {
    name,
    shape: [tensors.length * rows, ...rest],
    parts: tensors.map((tensor) => ({ tensor, shape })),
    access: 'whole',
  }
}

/** Scale and bias of a layer norm, both `[width]`. */
export function normWeights(name: string, tensor: string, width: number): WeightSpec[] {
  return [
    plainWeight(`${name}.scale`, `${tensor}.weight`, [width]),
    plainWeight(`${name}.bias`, `${tensor}.bias`, [width]),
  ]
}

/** Weight `[out, in]` and, where there is one, bias `[out]` of a linear layer. */
export function linearWeights(
  name: string,
  tensor: string,
  shape: readonly [out: number, inner: number],
  hasBias: boolean,
): WeightSpec[] {
  const weight = plainWeight(`${name}.weight`, `${tensor}.weight`, shape)
  return hasBias ? [weight, plainWeight(`${name}.bias`, `${tensor}.bias`, [shape[0]])] : [weight]
}
