import type { NodeOf } from '@flexgen/spec'
import { tensorTypes } from '../onnx/tensor-type.ts'
import type { EmitContext } from './emit-context.ts'

/** Rows of a table; a half table is widened after the look-up, so that only the rows are. */
export function emitGather(node: NodeOf<'Gather'>, context: EmitContext): void {
  const { builder } = context
  const [table, indices] = node.inputs
  const { indexOffset } = node.attributes
  const shifted =
    indexOffset === 0 ? indices! : builder.node('Add', [indices!, builder.constant(Int32Array.of(indexOffset), [])])
  if (!context.isHalf(table!)) builder.nodes('Gather', [table!, shifted], { outputs: node.outputs })
  else {
    const rows = builder.node('Gather', [table!, shifted])
    builder.nodes('Cast', [rows], { attributes: { to: tensorTypes[context.compute].onnx }, outputs: node.outputs })
  }
}
