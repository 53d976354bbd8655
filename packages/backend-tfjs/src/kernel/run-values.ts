import { type DType, elementCount, InternalError } from '@flexgen/spec'
import type { TensorInfo } from '@tensorflow/tfjs-core'
import type { HeldMatrix, TensorEngine, TensorValues } from '../engine/tensor-engine.ts'
import type { HeldWeight } from './held-weights.ts'
import { valuesOf, widen } from './widen.ts'

/** A run asks for values of a tensor by yielding it, and is answered with them: some engines need time for it. */
export type Asking<Result> = Generator<TensorInfo, Result, TensorValues>

/** A table in the dtype of its bytes. */
export interface Table {
  readonly bytes: Uint8Array
  readonly dtype: DType
  readonly rows: number
  readonly width: number
}

interface RunValue {
  readonly shape: readonly number[]
  /** Bytes as they are bound, of any dtype. */
  readonly source?: { readonly bytes: Uint8Array; readonly dtype: DType } | undefined
  readonly held?: HeldWeight | undefined
  values?: TensorValues | undefined
  tensor?: TensorInfo | undefined
}

/**
 * Values of one run by name, in JavaScript, on the engine, or both. Activations are tensors `[rows, width]`, whatever
 * their shape in the graph.
 */
export class RunValues {
  readonly #engine: TensorEngine
  readonly #values = new Map<string, RunValue>()

  constructor(engine: TensorEngine) {
    this.#engine = engine
  }

  setHeld(name: string, held: HeldWeight): void {
    this.#values.set(name, { shape: held.shape, held })
  }

  setBytes(name: string, shape: readonly number[], bytes: Uint8Array, dtype: DType): void {
    this.#values.set(name, { shape, source: { bytes, dtype } })
  }

  setValues(name: string, shape: readonly number[], values: TensorValues): void {
    this.#values.set(name, { shape, values })
  }

  /** Takes the tensor over. */
  setTensor(name: string, shape: readonly number[], tensor: TensorInfo): void {
    this.#values.set(name, { shape, tensor })
  }

  shape(name: string): readonly number[] {
    return this.#value(name).shape
  }

  /** The value as a tensor, which stays with the run. */
  tensor(name: string): TensorInfo {
    const value = this.#value(name)
    const { shape, source, held } = value
    if (held?.form.kind === 'tensor') return held.form.tensor
    if (held !== undefined) throw new InternalError(`${name} is held as a ${held.form.kind}`)
    if (value.tensor !== undefined) return value.tensor
    const dimensions = shape.length > 1 ? [elementCount(shape.slice(0, -1)), shape.at(-1)!] : shape
    if (value.values === undefined && source!.dtype !== 'float32')
      value.tensor = this.#engine.upload(dimensions, (target) => widen(source!.bytes, source!.dtype, target))
    else value.tensor = this.#engine.wrap(dimensions, value.values ?? valuesOf(source!.bytes, 'float32'))
    return value.tensor
  }

  /** The matrix of a product, where it is held for products. */
  heldMatrix(name: string): HeldMatrix | undefined {
    const form = this.#value(name).held?.form
    return form?.kind === 'matrix' ? form.matrix : undefined
  }

  /** The float32 values; they are good until the next call to the engine. */
  *floats(name: string): Asking<Float32Array> {
    const value = this.#value(name)
    const { source, shape } = value
    if (value.values instanceof Float32Array) return value.values
    if (value.tensor === undefined && source !== undefined) {
      if (source.dtype === 'float32') return valuesOf(source.bytes, 'float32') as Float32Array
      const widened = new Float32Array(elementCount(shape))
      widen(source.bytes, source.dtype, widened)
      return widened
    }
    const values = yield this.tensor(name)
    if (!(values instanceof Float32Array)) throw new InternalError(`${name} holds no floats`)
    return values
  }

  /** Integers: they never leave JavaScript. */
  integers(name: string): Int32Array {
    const { values, source } = this.#value(name)
    const integers = values ?? (source?.dtype === 'int32' ? valuesOf(source.bytes, 'int32') : undefined)
    if (!(integers instanceof Int32Array)) throw new InternalError(`${name} holds no integers`)
    return integers
  }

  /** What a look-up reads from. */
  *table(name: string): Asking<Table> {
    const { shape, source, held } = this.#value(name)
    const form = held?.form
    const [rows, width] = shape as [number, number]
    if (form?.kind === 'table') return { bytes: form.bytes, dtype: form.dtype, rows, width }
    if (source !== undefined) return { ...source, rows, width }
    const { buffer, byteOffset, byteLength } = yield* this.floats(name)
    return { bytes: new Uint8Array(buffer, byteOffset, byteLength), dtype: 'float32', rows, width }
  }

  /** The bytes of an output. */
  *bytes(name: string): Asking<Uint8Array> {
    const { values } = this.#value(name)
    const { buffer, byteOffset, byteLength } = values ?? (yield* this.#anyValues(name))
    return new Uint8Array(buffer, byteOffset, byteLength)
  }

  /** Forgets a value that nobody reads any more. */
  drop(name: string): void {
    const value = this.#values.get(name)
    if (value?.tensor !== undefined) this.#engine.dispose(value.tensor)
    this.#values.delete(name)
  }

  /** Forgets all values. */
  close(): void {
    for (const name of this.#values.keys()) this.drop(name)
  }

  *#anyValues(name: string): Asking<TensorValues> {
    const { source } = this.#value(name)
    return source?.dtype === 'int32' ? this.integers(name) : yield* this.floats(name)
  }

  #value(name: string): RunValue {
    const value = this.#values.get(name)
    if (value === undefined) throw new InternalError(`${name} has no value`)
    return value
  }
}
