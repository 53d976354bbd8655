import type { NodeOf } from '@flexgen/spec'
import type { EmitContext } from './emit-context.ts'

/** Pieces of the last axis. */
export function emitSplit(node: NodeOf<'Split'>, { builder, float }: EmitContext): void {
  const sizes = builder.shape(...node.attributes.sizes)
  builder.nodes('Split', [float(node.inputs[0]!), sizes], { attributes: { axis: -1 }, outputs: node.outputs })
}
