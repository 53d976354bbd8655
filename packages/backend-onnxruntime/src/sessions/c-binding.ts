import type { AddressOf } from '../ffi/address-of.ts'
import { NativeHandle } from '../ffi/native-handle.ts'
import type { OrtApi } from '../ffi/ort-api.ts'
import { tensorTypes } from '../onnx/tensor-type.ts'
import type { SessionBinding, Tensor } from './session.ts'

/** Makes an `OrtValue` over the tensor's own memory, which must outlive it. */
export function createValue(api: OrtApi, memoryInfo: NativeHandle, addressOf: AddressOf, tensor: Tensor): NativeHandle {
  const { bytes, type, shape } = tensor
  const address = addressOf(bytes)
  const dimensions = BigInt64Array.from(shape, BigInt)
  const { onnx } = tensorTypes[type]
  const pointer = api.create((out) =>
    api.call.createTensorWithData(
      memoryInfo.pointer,
      address,
      bytes.byteLength,
      dimensions,
      dimensions.length,
      onnx,
      out,
    ),
  )
  return new NativeHandle(pointer, api.call.releaseValue, bytes)
}

/** A `SessionBinding` over an `OrtIoBinding`; what did not change since the last run is not bound again. */
export class CBinding implements SessionBinding {
  readonly #api: OrtApi
  readonly #memoryInfo: NativeHandle
  readonly #addressOf: AddressOf
  readonly #handle: NativeHandle
  readonly #bound = new Map<string, { tensor: Tensor; value: NativeHandle }>()

  constructor(api: OrtApi, memoryInfo: NativeHandle, addressOf: AddressOf, handle: NativeHandle) {
    this.#api = api
    this.#memoryInfo = memoryInfo
    this.#addressOf = addressOf
    this.#handle = handle
  }

  /** The native binding. */
  get pointer(): bigint {
    return this.#handle.pointer
  }

  input(name: string, tensor: Tensor): void {
    this.#bind(name, tensor, (value) => this.#api.call.bindInput(this.#handle.pointer, name, value))
  }

  output(name: string, tensor: Tensor): void {
    this.#bind(name, tensor, (value) => this.#api.call.bindOutput(this.#handle.pointer, name, value))
  }

  release(): void {
    this.#handle.release()
    for (const { value } of this.#bound.values()) value.release()
    this.#bound.clear()
  }

  #bind(name: string, tensor: Tensor, bind: (value: bigint) => void): void {
    const before = this.#bound.get(name)
    if (before?.tensor === tensor) return
    const value = createValue(this.#api, this.#memoryInfo, this.#addressOf, tensor)
    try {
      bind(value.pointer)
    } catch (error) {
      value.release()
      throw error
    }
    // The binding holds a reference of its own; ours to the old one may go.
    this.#bound.set(name, { tensor, value })
    before?.value.release()
  }
}
