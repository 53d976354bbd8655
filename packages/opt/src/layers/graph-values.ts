import type { GraphValue, WeightSpec } from '@flexgen/spec'

/** `ids [batch, seq]`, `positions [batch, seq]` and `lengths [batch]`. */
export const systemInputs: Readonly<Record<'ids' | 'positions' | 'lengths', GraphValue>> = {
  ids: { name: 'ids', dtype: 'int32', shape: ['batch', 'seq'], role: 'system' },
  positions: { name: 'positions', dtype: 'int32', shape: ['batch', 'seq'], role: 'system' },
  lengths: { name: 'lengths', dtype: 'int32', shape: ['batch'], role: 'system' },
}

/** The hidden state `[batch, seq, width]`, which flows from layer to layer. */
export function hiddenValue(name: string, width: number): GraphValue {
  return { name, dtype: 'compute', shape: ['batch', 'seq', width], role: 'hidden' }
}

/** A tensor `[batch, seq, width]` between the stages of a layer. */
export function activationValue(name: string, width: number): GraphValue {
  return { name, dtype: 'compute', shape: ['batch', 'seq', width], role: 'activation' }
}

/** The weights of a graph as its inputs. */
export function weightInputs(weights: readonly WeightSpec[]): GraphValue[] {
  return weights.map(({ name, shape }) => ({ name, dtype: 'weight', shape, role: 'weight' }))
}
