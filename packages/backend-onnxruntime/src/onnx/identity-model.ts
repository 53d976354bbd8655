import { OnnxBuilder } from './onnx-builder.ts'

/** The smallest model that there is: for sessions that only stand for a runtime. */
export function identityModel(): Uint8Array {
  const builder = new OnnxBuilder('identity')
  builder.input('input', 'float32', [1])
  builder.nodes('Identity', ['input'], { outputs: ['output'] })
  builder.output('output', 'float32', [1])
  return builder.encode()
}
