import type { TensorInfo } from '@tensorflow/tfjs-core'
import type { HeldMatrix, TensorEngine } from './tensor-engine.ts'
import { transposeInto } from './transpose-into.ts'
import type { WasmBackend } from './wasm-module.ts'

type Products = Pick<TensorEngine, 'product' | 'heldProduct' | 'holdMatrix' | 'heldMatrixBytes' | 'productScratchBytes'>

/** XNNPACK packs matrices in panels of so many outputs, with a row for the bias. */
const panelOutputs = 8

/** Up to so many rows, the plain loops of TensorFlow.js are faster than packing a matrix that is used once. */
const mostUnpackedRows = 4

/**
 * Products on WebAssembly. Only `a b` without transposing runs in XNNPACK, which packs `b` and keeps the packed form
 * for as long as `b` lives; everything else is a scalar loop. So:
 *
 * - a matrix `[out, in]` that is used once is the `a`: `y^T = W x^T`; only x is transposed and packed, and the matrix is
 *   read once, where it was uploaded;
 * - a matrix that stays is the `b`; once it is packed its first form is given back.
 */
export function wasmProducts(
  backend: WasmBackend,
  { kernel, upload, dispose }: Pick<TensorEngine, 'kernel' | 'upload' | 'dispose'>,
): Products {
  const plain = (a: TensorInfo, b: TensorInfo, transposeA = false): TensorInfo =>
    kernel('BatchMatMul', { a, b }, { transposeA, transposeB: false })
  const transpose = (x: TensorInfo): TensorInfo => kernel('Transpose', { x }, { perm: [1, 0] })
  const using = (tensor: TensorInfo, work: (tensor: TensorInfo) => TensorInfo): TensorInfo => {
    try {
      return work(tensor)
    } finally {
      dispose(tensor)
    }
  }
  return {
    product: (x, matrix, transposed) => {
      const rows = x.shape[0]!
      if (transposed) return using(transpose(x), (columns) => using(plain(matrix, columns), transpose))
      if (rows > mostUnpackedRows) return plain(x, matrix)
      return using(transpose(x), (columns) => plain(columns, matrix, true))
    },
    heldProduct: (x, { tensor }) => plain(x, tensor),
    holdMatrix: (shape, transposed, fill): HeldMatrix => {
      const [rows, columns] = shape as [number, number]
      const [inner, outer] = transposed ? [columns, rows] : [rows, columns]
      const tensor = upload([inner, outer], (target) => {
        if (!transposed) return fill(target)
        const source = new Float32Array(target.length)
        fill(source)
        transposeInto(source, rows, columns, target)
      })
      try {
        const probe = upload([1, inner], (target) => void target.fill(0))
        dispose(using(probe, (x) => plain(x, tensor)))
      } catch (error) {
        dispose(tensor)
        throw error
      }
      const data = backend.dataIdMap.get(tensor.dataId)
      backend.wasm._free(data.memoryOffset)
      // Disposing the tensor frees this again, which does nothing, and drops the packed form.
      data.memoryOffset = 0
      return { tensor, transposed: false }
    },
    heldMatrixBytes: packedBytes,
    productScratchBytes: (rows, inner, outer, transposed) =>
      4 * rows * (inner + outer) +
      (transposed ? packedBytes(inner, rows) : rows > mostUnpackedRows ? packedBytes(inner, outer) : 0),
  }
}

function packedBytes(inner: number, outer: number): number {
  return 4 * (inner + 1) * Math.ceil(outer / panelOutputs) * panelOutputs
}
