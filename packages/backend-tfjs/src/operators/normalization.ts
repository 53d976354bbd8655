import type { TensorInfo } from '@tensorflow/tfjs-core'
import type { TensorScope } from '../kernel/tensor-scope.ts'

const overLastAxis = { axis: [1], keepDims: true }

/** Layer normalisation over the last axis of x `[rows, width]`. */
export function layerNormalization(
  scope: TensorScope,
  x: TensorInfo,
  scale: TensorInfo,
  bias: TensorInfo,
  epsilon: number,
): TensorInfo {
  const mean = scope.kernel('Mean', { x }, overLastAxis)
  const centred = scope.kernel('Sub', { a: x, b: mean })
  return scope.add(scope.multiply(normalized(scope, centred, epsilon), scale), bias)
}

/** Root-mean-square normalisation over the last axis of x `[rows, width]`. */
export function rmsNormalization(scope: TensorScope, x: TensorInfo, scale: TensorInfo, epsilon: number): TensorInfo {
  return scope.multiply(normalized(scope, x, epsilon), scale)
}

/** x / sqrt(mean(x^2) + epsilon) */
function normalized(scope: TensorScope, x: TensorInfo, epsilon: number): TensorInfo {
  const square = scope.kernel('Mean', { x: scope.multiply(x, x) }, overLastAxis)
  return scope.multiply(x, scope.kernel('Rsqrt', { x: scope.add(square, scope.constant(epsilon)) }))
}
