import type { NodeOf } from '@flexgen/spec'
import { tensorTypes } from '../onnx/tensor-type.ts'
import type { EmitContext } from './emit-context.ts'

/** Index of the largest value, the first of equals. */
export function emitArgMax(
  { inputs, outputs }: Pick<NodeOf<'ArgMax'>, 'inputs' | 'outputs'>,
  context: EmitContext,
): void {
  const { builder } = context
  const index = builder.node('ArgMax', [context.float(inputs[0]!)], { attributes: { axis: -1, keepdims: 0 } })
  builder.nodes('Cast', [index], { attributes: { to: tensorTypes.int32.onnx }, outputs })
}

/** The k largest, descending, equals by index, as ONNX defines it. */
export function emitTopK(node: NodeOf<'TopK'>, context: EmitContext): void {
  const { builder } = context
  const [values, indices] = node.outputs
  const k = builder.shape(node.attributes.k)
  const [, wide] = builder.nodes('TopK', [context.float(node.inputs[0]!), k], { outputs: [values!, `#${indices!}`] })
  const narrow = builder.node('Cast', [wide!], { attributes: { to: tensorTypes.int32.onnx } })
  builder.nodes('Reshape', [narrow, builder.shape(-1)], { outputs: [indices!] })
}
