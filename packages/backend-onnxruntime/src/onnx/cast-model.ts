import { OnnxBuilder } from './onnx-builder.ts'
import { type TensorType, tensorTypes } from './tensor-type.ts'

/** A model that widens `input [values]` to the float32 `output [values]`. */
export function castModel(from: TensorType): Uint8Array {
  const builder = new OnnxBuilder(`widen ${from}`)
  builder.input('input', from, ['values'])
  builder.nodes('Cast', ['input'], { attributes: { to: tensorTypes.float32.onnx }, outputs: ['output'] })
  builder.output('output', 'float32', ['values'])
  return builder.encode()
}
