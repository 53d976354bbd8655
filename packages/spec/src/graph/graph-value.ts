import type { DType } from '../dtype/dtype.ts'

/** A dimension: a number, or one of the dimensions that change from run to run. */
export type Dimension = number | 'batch' | 'seq'

/**
 * What an input is: `hidden` flows from layer to layer, `ids`, `positions`, `lengths` and `uniform` are system
 * inputs, `activation` passes between stages of a layer, `weight` is bound from the checkpoint.
 */
export type ValueRole = 'hidden' | 'activation' | 'weight' | 'system'

/** A named tensor at the border of a layer graph. */
export interface GraphValue {
  readonly name: string
  /**
   * `compute` and `weight` stand for the dtypes that the run chooses; `resolveGraph` in core fills them in. An output
   * may ask for `float32` by name: then its node gives that, whatever the graph computes in.
   */
  readonly dtype: DType | 'compute' | 'weight'
  readonly shape: readonly Dimension[]
  readonly role: ValueRole
}

/** The KV cache that an `Attention` node reads and extends. */
export interface GraphCache {
  readonly name: string
  readonly kvHeads: number
  readonly headDim: number
}
