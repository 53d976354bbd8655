import { elementCount } from '@flexgen/spec'
import { NativeHandle } from '../../ffi/native-handle.ts'
import type { OrtApi } from '../../ffi/ort-api.ts'
import { type TensorType, tensorTypes } from '../../onnx/tensor-type.ts'

/** A tensor by its address. */
export interface AddressedTensor {
  readonly address: bigint
  readonly type: TensorType
  readonly shape: readonly number[]
}

/** Memory that tensors lie in. */
export interface MemoryInfos {
  readonly device: NativeHandle
  readonly host: NativeHandle
}

/** A session whose inputs and outputs are memory of our own. */
export class CudaSession {
  readonly #api: OrtApi
  readonly #memory: MemoryInfos
  readonly #handle: NativeHandle
  readonly #runOptions: NativeHandle

  constructor(api: OrtApi, memory: MemoryInfos, handle: NativeHandle, runOptions: NativeHandle) {
    this.#api = api
    this.#memory = memory
    this.#handle = handle
    this.#runOptions = runOptions
  }

  /** The native session. */
  get pointer(): bigint {
    return this.#handle.pointer
  }

  createBinding(): CudaSessionBinding {
    const { call, create } = this.#api
    const pointer = create((out) => call.createIoBinding(this.#handle.pointer, out))
    return new CudaSessionBinding(this.#api, this.#memory, new NativeHandle(pointer, call.releaseIoBinding))
  }

  /** Hands the run to the compute stream; it has not ended when this returns. */
  run(binding: CudaSessionBinding): void {
    this.#api.call.runWithBinding(this.#handle.pointer, this.#runOptions.pointer, binding.pointer)
  }

  release(): void {
    this.#handle.release()
  }
}

interface Bound {
  readonly tensor: AddressedTensor
  readonly value: NativeHandle
}

/** Inputs and outputs of one session; what did not change since the last run is not bound again. */
export class CudaSessionBinding {
  readonly #api: OrtApi
  readonly #memory: MemoryInfos
  readonly #handle: NativeHandle
  readonly #bound = new Map<string, Bound>()

  constructor(api: OrtApi, memory: MemoryInfos, handle: NativeHandle) {
    this.#api = api
    this.#memory = memory
    this.#handle = handle
  }

  /** The native binding. */
  get pointer(): bigint {
    return this.#handle.pointer
  }

  /** Binds an input in device memory. */
  input(name: string, tensor: AddressedTensor): void {
    this.#bind(name, tensor, this.#memory.device, true)
  }

  /** Binds a number or a shape in host memory, which is read when the run is handed over. */
  hostInput(name: string, tensor: AddressedTensor): void {
    this.#bind(name, tensor, this.#memory.host, true)
  }

  /** Binds an output in device memory, which the run writes in place. */
  output(name: string, tensor: AddressedTensor): void {
    this.#bind(name, tensor, this.#memory.device, false)
  }

  release(): void {
    this.#handle.release()
    for (const { value } of this.#bound.values()) value.release()
    this.#bound.clear()
  }

  #bind(name: string, tensor: AddressedTensor, memoryInfo: NativeHandle, isInput: boolean): void {
    const before = this.#bound.get(name)
    if (before !== undefined && isSame(before.tensor, tensor)) return
    const { call, create } = this.#api
    const { address, type, shape } = tensor
    const { onnx, bytes } = tensorTypes[type]
    const dimensions = BigInt64Array.from(shape, BigInt)
    const value = new NativeHandle(
      create((out) =>
        call.createTensorWithData(
          memoryInfo.pointer,
          address,
          elementCount(shape) * bytes,
          dimensions,
          dimensions.length,
          onnx,
          out,
        ),
      ),
      call.releaseValue,
    )
    try {
      if (isInput) call.bindInput(this.#handle.pointer, name, value.pointer)
      else call.bindOutput(this.#handle.pointer, name, value.pointer)
    } catch (error) {
      value.release()
      throw error
    }
    this.#bound.set(name, { tensor, value })
    before?.value.release()
  }
}

function isSame(a: AddressedTensor, b: AddressedTensor): boolean {
  return (
    a.address === b.address &&
    a.type === b.type &&
    a.shape.length === b.shape.length &&
    a.shape.every((size, axis) => size === b.shape[axis])
  )
}
