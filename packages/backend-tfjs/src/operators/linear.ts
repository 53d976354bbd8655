import type { TensorInfo } from '@tensorflow/tfjs-core'
import type { HeldMatrix } from '../engine/tensor-engine.ts'
import type { TensorScope } from '../kernel/tensor-scope.ts'

/** The matrix of a product: held for it, or as it was bound, `[out, in]` where `transposed`. */
export type LinearMatrix =
  | { readonly held: HeldMatrix }
  | { readonly held?: undefined; readonly tensor: TensorInfo; readonly transposed: boolean }

/** `x W + b` of x `[rows, in]`: `[rows, out]`. */
export function linear(
  scope: TensorScope,
  x: TensorInfo,
  matrix: LinearMatrix,
  bias: TensorInfo | undefined,
): TensorInfo {
  const { engine } = scope
  const product = scope.own(
    matrix.held === undefined
      ? engine.product(x, matrix.tensor, matrix.transposed)
      : engine.heldProduct(x, matrix.held),
  )
  return bias === undefined ? product : scope.add(product, bias)
}
