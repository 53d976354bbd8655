import { UnsupportedDataError } from '@flexgen/spec'
import { type TensorType, tensorTypes } from '../../onnx/tensor-type.ts'
import type { CudaDriver } from '../driver/cuda-driver.ts'
import type { CudaHandle } from '../driver/cuda-functions.ts'
import { BoundedMemo } from '../kernel/bounded-memo.ts'
import { runAlignment } from '../kernel/scratch-layout.ts'
import { algorithmBytes, cublasLt, type CublasLtFunctions, heuristicBytes } from './cublaslt-functions.ts'

/** What tells one way to multiply from another. */
export interface ProductShape {
  readonly type: ProductType
  readonly rows: number
  /** Values of a row of x, and of y. */
  readonly inner: number
  readonly width: number
  /** Whether the weight lies as `[width, inner]`; else as `[inner, width]`. */
  readonly transposed: boolean
  /** Values from one line of the weight to the next. */
  readonly weightLine: number
  readonly hasBias: boolean
  readonly hasResidual: boolean
  /** Whether what is below zero becomes zero. */
  readonly isRectified: boolean
}

/** Types that products have here. */
export type ProductType = keyof typeof cublasLt.types

/** Whether products of a type run here. */
export function isProductType(type: TensorType): type is ProductType {
  return type in cublasLt.types
}

/** Addresses of row-major matrices in device memory, at multiples of 16 bytes. */
export interface ProductOperands {
  readonly x: bigint
  readonly weight: bigint
  /** Of `width` values; 0 where there is none. */
  readonly bias: bigint
  /** Like y; 0 where there is none. */
  readonly residual: bigint
  readonly y: bigint
  /** `productWorkspaceBytes` of scratch. */
  readonly workspace: bigint
}

/** cuBLAS's own choice on an H100; more is not used. */
const mostWorkspaceBytes = 32 * 2 ** 20
/** Sums that are cut along `inner` lie there side by side in float32. */
const mostParts = 16

/** Bytes of workspace for a product with y of so many values. */
export function productWorkspaceBytes(count: number): number {
  return Math.min(mostWorkspaceBytes, mostParts * count * tensorTypes.float32.bytes)
}

interface PlannedProduct {
  readonly description: bigint
  /** Of the weight, x and y. */
  readonly layouts: readonly bigint[]
  readonly algorithm: Uint8Array
  readonly workspaceBytes: number
}

/**
 * Linear layers on the device: a product with its bias, the Relu behind it or the residual sum in one kernel of cuBLASLt,
 * where ONNX Runtime takes a pass of memory for each. On an H100 these passes took 1.9 of the 13.1 ms of a layer of
 * OPT-6.7B over 16384 tokens (docs/measurements). float32 stays float32, without TF32.
 */
export class Products {
  readonly #call: CublasLtFunctions
  readonly #driver: CudaDriver
  readonly #handle: bigint
  readonly #planned: BoundedMemo<PlannedProduct>
  readonly #one: Float32Array = Float32Array.of(1)
  readonly #zero: Float32Array = Float32Array.of(0)
  readonly #bias = new BigUint64Array(1)

  /** @throws {FlexgenError} `OUT_OF_MEMORY` where the device has no room for the library */
  constructor(call: CublasLtFunctions, driver: CudaDriver) {
    this.#call = call
    this.#driver = driver
    this.#handle = driver.create((out) => call.create(out))
    this.#planned = new BoundedMemo((product) => this.#drop(product))
  }

  /**
   * `y = x weight + bias`, then Relu or `+ residual`, handed to a stream.
   * @throws {FlexgenError} `UNSUPPORTED_DATA` where cuBLASLt knows no way to multiply
   */
  run(shape: ProductShape, operands: ProductOperands, stream: CudaHandle): void {
    const planned = this.#planned.get(Object.values(shape).join(' '), () => this.#plan(shape))
    const { description, layouts, algorithm, workspaceBytes } = planned
    const [weight, x, y] = layouts as [bigint, bigint, bigint]
    if (shape.hasBias) this.#setBias(description, operands.bias)
    // Column by column, y is the weight times x: what is a row here is a column there.
    const c = shape.hasResidual ? operands.residual : operands.y
    const beta = shape.hasResidual ? this.#one : this.#zero
    this.#call.multiply(
      ...([this.#handle, description, this.#one] as const),
      ...([operands.weight, weight, operands.x, x, beta] as const),
      ...([c, y, operands.y, y] as const),
      ...([algorithm, operands.workspace, workspaceBytes, stream] as const),
    )
  }

  release(): void {
    this.#planned.clear()
    this.#call.destroy(this.#handle)
  }

  #plan(shape: ProductShape): PlannedProduct {
    const { type, rows, inner, width, transposed, weightLine, hasBias, isRectified } = shape
    const call = this.#call
    const { create } = this.#driver
    const typeNumber = cublasLt.types[type]
    const layout = (lines: number, columns: number, leading: number): bigint =>
      create((out) => call.createLayout(out, typeNumber, lines, columns, leading))
    const made: { description?: bigint; readonly layouts: bigint[] } = { layouts: [] }
    try {
      made.description = create((out) => call.createDescription(out, cublasLt.computeFloat32, cublasLt.types.float32))
      const { description, layouts } = made
      layouts.push(transposed ? layout(inner, width, weightLine) : layout(width, inner, weightLine))
      layouts.push(layout(inner, rows, inner))
      layouts.push(layout(width, rows, width))
      const { transposeA, epilogue } = cublasLt.description
      const { none, relu, bias } = cublasLt.epilogue
      const set = (attribute: number, value: number): void =>
        call.setDescription(description, attribute, Int32Array.of(value), 4)
      if (transposed) set(transposeA, cublasLt.transpose)
      set(epilogue, (isRectified ? relu : 0) | (hasBias ? bias : 0) || none)
      // The choice looks at where the bias lies only to see that there is one.
      if (hasBias) this.#setBias(description, BigInt(runAlignment))
      return { description, layouts, ...this.#choose(shape, description, layouts) }
    } catch (error) {
      this.#drop(made)
      throw error
    }
  }

  #choose(
    shape: ProductShape,
    description: bigint,
    layouts: PlannedProduct['layouts'],
  ): Pick<PlannedProduct, 'algorithm' | 'workspaceBytes'> {
    const [weight, x, y] = layouts as [bigint, bigint, bigint]
    const call = this.#call
    const preference = this.#driver.create((out) => call.createPreference(out))
    try {
      const { workspaceBytes, reductions, alignments } = cublasLt.preference
      const mostBytes = productWorkspaceBytes(shape.rows * shape.width)
      call.setPreference(preference, workspaceBytes, BigUint64Array.of(BigInt(mostBytes)), 8)
      call.setPreference(preference, reductions, Uint32Array.of(cublasLt.wideReductions), 4)
      for (const attribute of alignments) call.setPreference(preference, attribute, Uint32Array.of(runAlignment), 4)
      const results = new Uint8Array(heuristicBytes)
      const found = new Int32Array(1)
      call.chooseAlgorithms(this.#handle, description, weight, x, y, y, preference, 1, results, found)
      if (found[0] === 0) throw new UnsupportedDataError(`cuBLASLt knows no way to multiply: ${JSON.stringify(shape)}`)
      const neededBytes = new DataView(results.buffer).getBigUint64(algorithmBytes, true)
      return { algorithm: results.slice(0, algorithmBytes), workspaceBytes: Number(neededBytes) }
    } finally {
      call.destroyPreference(preference)
    }
  }

  #setBias(description: bigint, address: bigint): void {
    this.#bias[0] = address
    this.#call.setDescription(description, cublasLt.description.biasPointer, this.#bias, 8)
  }

  #drop({ description, layouts }: Partial<PlannedProduct> & Pick<PlannedProduct, 'layouts'>): void {
    if (description !== undefined) this.#call.destroyDescription(description)
    for (const layout of layouts) this.#call.destroyLayout(layout)
  }
}
