import type { NodeOf } from '@flexgen/spec'
import type { EmitContext } from './emit-context.ts'

/** Picks rows by the index that the kernel computes from positions and lengths, where it can be checked. */
export function emitLastPosition(node: NodeOf<'LastPosition'>, context: EmitContext): void {
  const x = context.float(node.inputs[0]!)
  context.builder.nodes('Gather', [x, context.lastRows()], { outputs: node.outputs })
}
