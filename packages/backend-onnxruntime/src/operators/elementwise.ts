import type { NodeOf } from '@flexgen/spec'
import type { EmitContext } from './emit-context.ts'

/** Operators that ONNX has under the same name and with the same meaning. */
export function emitSameName(
  node: NodeOf<'Add'> | NodeOf<'Mul'> | NodeOf<'Relu'>,
  { builder, float }: EmitContext,
): void {
  builder.nodes(node.operator, node.inputs.map(float), { outputs: node.outputs })
}

/** ONNX's Gelu of opset 20. */
export function emitGelu(node: NodeOf<'Gelu'>, { builder, float }: EmitContext): void {
  const { approximate } = node.attributes
  builder.nodes('Gelu', node.inputs.map(float), { attributes: { approximate }, outputs: node.outputs })
}

/** x * sigmoid(x). */
export function emitSilu(node: NodeOf<'Silu'>, { builder, float }: EmitContext): void {
  const x = float(node.inputs[0]!)
  builder.nodes('Mul', [x, builder.node('Sigmoid', [x])], { outputs: node.outputs })
}

/** Over the last axis. */
export function emitSoftmax(node: NodeOf<'Softmax'>, { builder, float }: EmitContext): void {
  builder.nodes('Softmax', node.inputs.map(float), { attributes: { axis: -1 }, outputs: node.outputs })
}
