import type { TensorInfo } from '@tensorflow/tfjs-core'
import type { TensorScope } from '../kernel/tensor-scope.ts'

/** `none`: x/2 (1 + erf(x/sqrt 2)); `tanh`: x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). */
export function gelu(scope: TensorScope, x: TensorInfo, approximate: 'none' | 'tanh'): TensorInfo {
  const half = scope.multiply(x, scope.constant(0.5))
  const curve =
    approximate === 'none'
      ? scope.kernel('Erf', { x: scope.multiply(x, scope.constant(Math.SQRT1_2)) })
      : scope.kernel('Tanh', { x: tanhArgument(scope, x) })
  return scope.add(half, scope.multiply(half, curve))
}

function tanhArgument(scope: TensorScope, x: TensorInfo): TensorInfo {
  const cube = scope.multiply(scope.multiply(x, x), x)
  const sum = scope.add(x, scope.multiply(cube, scope.constant(0.044715)))
  return scope.multiply(sum, scope.constant(Math.sqrt(2 / Math.PI)))
}
