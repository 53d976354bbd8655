import type { TensorInfo } from '@tensorflow/tfjs-core'
import type { EngineArena } from '@flexgen/backend-kit'

/** Values of a tensor, in the memory of the engine or in JavaScript's; good until the next call to the engine. */
export type TensorValues = Float32Array | Int32Array

/** Writes all values of a tensor. */
export type Fill = (target: Float32Array) => void

/** A matrix that stays on an engine in the form that its products like best. */
export interface HeldMatrix {
  /** `[in, out]`, or `[out, in]` where `transposed`. */
  readonly tensor: TensorInfo
  readonly transposed: boolean
}

/**
 * One TensorFlow.js engine of one backend. Tensors are counted by hand: whoever gets one disposes it; a reshaped tensor
 * shares the values of its origin and is disposed on its own.
 */
export interface TensorEngine {
  /** For people: which engine it is and how it runs. */
  readonly description: string
  /** What users should know of it. */
  readonly notices: readonly string[]
  /** Memory of its own that never shrinks. */
  readonly arena?: EngineArena
  /** Whether tensors lie in memory of a card: then every tensor is a copy, and reading takes time. */
  readonly isRemote: boolean
  /** Whether `wrap` shares the values instead of copying them. */
  readonly sharesValues: boolean
  /** Tensors that live now; for tests. */
  tensorCount(): number
  /** A stretch of calls that nothing else of this thread interrupts. */
  within<Result>(work: () => Result): Result
  /** Runs a kernel of TensorFlow.js by its name. */
  kernel(name: string, inputs: Readonly<Record<string, TensorInfo | TensorInfo[]>>, attributes?: object): TensorInfo
  /** A tensor of values that stay as they are while it lives. */
  wrap(shape: readonly number[], values: TensorValues): TensorInfo
  /** A float32 tensor whose values are written where they will lie. */
  upload(shape: readonly number[], fill: Fill): TensorInfo
  /** The values of a tensor; a promise where the engine answers later. */
  read(tensor: TensorInfo): TensorValues | Promise<TensorValues>
  dispose(tensor: TensorInfo): void
  /** `x W`, or `x W^T` where `transposed`, of x `[rows, in]` and a matrix that is used once: `[rows, out]`. */
  product(x: TensorInfo, matrix: TensorInfo, transposed: boolean): TensorInfo
  /** `x W`, or `x W^T`, of x `[rows, in]` and a matrix that stays: `[rows, out]`. */
  heldProduct(x: TensorInfo, matrix: HeldMatrix): TensorInfo
  /** Uploads a matrix that stays, `[in, out]` or `[out, in]` where `transposed`. */
  holdMatrix(shape: readonly number[], transposed: boolean, fill: Fill): HeldMatrix
  /** Bytes that `holdMatrix` keeps for a matrix of so many inputs and outputs. */
  heldMatrixBytes(inner: number, outer: number): number
  /** Bytes that `product` needs for itself while it runs. */
  productScratchBytes(rows: number, inner: number, outer: number, transposed: boolean): number
  /** Gives all memory back. */
  close(): void
}
