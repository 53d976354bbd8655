import type { TensorInfo } from '@tensorflow/tfjs-core'
import type { Fill, TensorEngine, TensorValues } from '../engine/tensor-engine.ts'

/** Tensors that operators make on their way; whatever is not kept is disposed when the scope ends. */
export class TensorScope {
  readonly engine: TensorEngine
  readonly #tensors = new Set<TensorInfo>()

  constructor(engine: TensorEngine) {
    this.engine = engine
  }

  /** Runs a kernel of TensorFlow.js. */
  kernel(name: string, inputs: Readonly<Record<string, TensorInfo>>, attributes?: object): TensorInfo {
    return this.own(this.engine.kernel(name, inputs, attributes))
  }

  wrap(shape: readonly number[], values: TensorValues): TensorInfo {
    return this.own(this.engine.wrap(shape, values))
  }

  upload(shape: readonly number[], fill: Fill): TensorInfo {
    return this.own(this.engine.upload(shape, fill))
  }

  /** A number that is added to or multiplied with every value. */
  constant(value: number): TensorInfo {
    return this.wrap([1], Float32Array.of(value))
  }

  add(a: TensorInfo, b: TensorInfo): TensorInfo {
    return this.kernel('Add', { a, b })
  }

  multiply(a: TensorInfo, b: TensorInfo): TensorInfo {
    return this.kernel('Multiply', { a, b })
  }

  reshape(x: TensorInfo, shape: readonly number[]): TensorInfo {
    return this.kernel('Reshape', { x }, { shape: [...shape] })
  }

  /** Matrices of one width, one below the other. */
  concat(matrices: readonly TensorInfo[]): TensorInfo {
    if (matrices.length === 1) return matrices[0]!
    // The inputs of this kernel have no names.
    const inputs = [...matrices] as unknown as Readonly<Record<string, TensorInfo>>
    return this.kernel('Concat', inputs, { axis: 0 })
  }

  /** Takes a tensor over. */
  own(tensor: TensorInfo): TensorInfo {
    this.#tensors.add(tensor)
    return tensor
  }

  /** Hands a tensor over to the caller. */
  keep(tensor: TensorInfo): TensorInfo {
    this.#tensors.delete(tensor)
    return tensor
  }

  /** Disposes a tensor before the end. */
  drop(tensor: TensorInfo): void {
    this.engine.dispose(this.keep(tensor))
  }

  /** Disposes everything that was not kept. */
  end(): void {
    for (const tensor of this.#tensors) this.engine.dispose(tensor)
    this.#tensors.clear()
  }
}
