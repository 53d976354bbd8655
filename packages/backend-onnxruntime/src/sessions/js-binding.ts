import { InternalError } from '@flexgen/spec'
import type { Tensor as JsTensor } from 'onnxruntime-node'
import type { TensorType } from '../onnx/tensor-type.ts'
import type { OnnxRuntimeNode } from './js-runtime.ts'
import type { SessionBinding, Tensor } from './session.ts'

type Bytes = Uint8Array<ArrayBuffer>

/** Inputs and outputs for the JavaScript API, which takes them anew with every run. */
export class JsBinding implements SessionBinding {
  readonly inputs: Map<string, Tensor> = new Map()
  readonly outputs: Map<string, Tensor> = new Map()

  input(name: string, tensor: Tensor): void {
    this.inputs.set(name, tensor)
  }

  output(name: string, tensor: Tensor): void {
    this.outputs.set(name, tensor)
  }

  release(): void {
    this.inputs.clear()
    this.outputs.clear()
  }
}

const makers: Readonly<
  Partial<Record<TensorType, (module: OnnxRuntimeNode, bytes: Bytes, shape: readonly number[]) => JsTensor>>
> = {
  float32: ({ Tensor }, bytes, shape) =>
    new Tensor('float32', new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4), shape),
  int32: ({ Tensor }, bytes, shape) =>
    new Tensor('int32', new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4), shape),
  int64: ({ Tensor }, bytes, shape) =>
    new Tensor('int64', new BigInt64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 8), shape),
}

/** A tensor of the JavaScript API over the same memory; weights at odd addresses are copied, as typed arrays need. */
export function toJsTensor(module: OnnxRuntimeNode, { bytes, type, shape }: Tensor): JsTensor {
  const make = makers[type]
  if (make === undefined) throw new InternalError(`the JavaScript API of ONNX Runtime is given no ${type} tensors`)
  const aligned = bytes.byteOffset % (type === 'int64' ? 8 : 4) === 0 ? bytes : bytes.slice()
  return make(module, aligned as Bytes, shape)
}
