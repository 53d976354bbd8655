import { type HostBuffer, type Span, UsageError } from '@flexgen/spec'
import type { GraphInfo } from '../graphs/graph-info.ts'
import { planGraph } from '../graphs/plan-graph.ts'
import type { OwnedMemory } from '@flexgen/backend-kit'
import { isHalf, tensorTypes } from '../onnx/tensor-type.ts'
import type { SessionRuntime, Tensor } from '../sessions/session.ts'
import type { KernelContext } from './kernel-context.ts'
import type { Program } from './program.ts'

/** ONNX Runtime packs a matrix in panels of so many outputs. */
const panelOutputs = 16

/** Bytes that ONNX Runtime holds for weights of a graph: in float32, matrices packed; tables in their own type. */
export function heldWeightBytes(info: GraphInfo, names: ReadonlySet<string>): number {
  let total = 0
  for (const plan of planGraph(info.graph)) {
    if (plan.kind === 'attention') continue
    for (const name of plan.inputs) {
      if (!names.has(name)) continue
      const value = info.values.get(name)!
      const linear = plan.nodes.find(({ operator, inputs }) => operator === 'Linear' && inputs[1] === name)
      const outputs =
        linear === undefined ? 1 : value.declared[(linear.attributes as { transposed: boolean }).transposed ? 0 : 1]!
      const padded = linear === undefined ? 1 : Math.ceil(outputs / panelOutputs) * panelOutputs
      total += (value.count / outputs) * padded * tensorTypes[value.isTable ? value.type : 'float32'].bytes
    }
  }
  return total
}

/**
 * Bytes into which half weights are widened where the runtime takes none; of a table only as many rows as there are
 * tokens, which is all that a run needs to bind.
 */
export function widenedBytes({ info, borders }: Program, tokens: number, { halfTensors }: SessionRuntime): number {
  if (halfTensors) return 0
  let total = 0
  for (const name of borders.keys()) {
    const { type, isTable, count, width } = info.values.get(name)!
    if (isHalf(type)) total += 4 * (isTable ? Math.min(count, tokens * width) : count)
  }
  return total
}

/** A weight that a session is to hold, as it lies. */
export interface HeldWeight {
  readonly tensor: Tensor
  /** What keeps the bytes while the session is made; undefined for memory of others. */
  readonly owner: OwnedMemory | undefined
}

/**
 * Checks the spans of weights and keeps their memory until it is released.
 * @throws {FlexgenError} `USAGE`
 */
export function lendWeights(
  { graph, values }: GraphInfo,
  weights: ReadonlyMap<string, Span<HostBuffer>>,
  { memory }: KernelContext,
): Map<string, HeldWeight> {
  const lent = new Map<string, HeldWeight>()
  for (const [name, span] of weights) {
    const { count, type, declared } = values.get(name)!
    const byteLength = count * tensorTypes[type].bytes
    if (span.byteLength < byteLength)
      throw new UsageError(`${graph.name}: ${name} needs ${byteLength} bytes, but its span has ${span.byteLength}`)
    const { bytes, owner } = memory.lend({ ...span, byteLength }, `${graph.name}: ${name}`)
    lent.set(name, { owner, tensor: { bytes, type, shape: declared } })
  }
  for (const { owner } of lent.values()) owner?.retain()
  return lent
}
