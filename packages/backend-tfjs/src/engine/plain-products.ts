import type { TensorInfo } from '@tensorflow/tfjs-core'
import type { Fill, HeldMatrix, TensorEngine } from './tensor-engine.ts'

type Products = Pick<TensorEngine, 'product' | 'heldProduct' | 'holdMatrix' | 'heldMatrixBytes' | 'productScratchBytes'>

/** Products of engines whose matrix product takes a transposed matrix as it lies. */
export function plainProducts({ kernel, upload }: Pick<TensorEngine, 'kernel' | 'upload'>): Products {
  const product = (x: TensorInfo, matrix: TensorInfo, transposed: boolean): TensorInfo =>
    kernel('BatchMatMul', { a: x, b: matrix }, { transposeA: false, transposeB: transposed })
  return {
    product,
    heldProduct: (x, { tensor, transposed }) => product(x, tensor, transposed),
    holdMatrix: (shape, transposed, fill: Fill): HeldMatrix => ({ tensor: upload(shape, fill), transposed }),
    heldMatrixBytes: (inner, outer) => 4 * inner * outer,
    productScratchBytes: () => 0,
  }
}
