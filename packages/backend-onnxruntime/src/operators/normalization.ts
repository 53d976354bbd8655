import type { NodeOf } from '@flexgen/spec'
import type { EmitContext } from './emit-context.ts'

/** ONNX's own LayerNormalization over the last axis. */
export function emitLayerNormalization(node: NodeOf<'LayerNormalization'>, context: EmitContext): void {
  context.builder.nodes(
    'LayerNormalization',
    node.inputs.map((name) => context.float(name)),
    { attributes: { axis: -1, epsilon: { float: node.attributes.epsilon } }, outputs: node.outputs },
  )
}

/** From primitives: ONNX has the operator only since opset 23. */
export function emitRmsNormalization(node: NodeOf<'RMSNormalization'>, context: EmitContext): void {
  const { builder } = context
  const [x, scale] = node.inputs.map((name) => context.float(name)) as [string, string]
  const square = builder.node('Mul', [x, x])
  const mean = builder.node('ReduceMean', [square, builder.shape(-1)], { attributes: { keepdims: 1 } })
  const root = builder.node('Sqrt', [builder.node('Add', [mean, builder.scalar(node.attributes.epsilon)])])
  builder.nodes('Mul', [builder.node('Div', [x, root]), scale], { outputs: node.outputs })
}
