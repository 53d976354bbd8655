import { type HostBuffer, type Span, UsageError } from '@flexgen/spec'
import { heldType } from '../graphs/encode-dense.ts'
import type { GraphInfo } from '../graphs/graph-info.ts'
import { planGraph } from '../graphs/plan-graph.ts'
import type { LentBytes } from '../memory/memory-table.ts'
import { tensorTypes } from '../onnx/tensor-type.ts'
import type { SessionRuntime, Tensor } from '../sessions/session.ts'
import type { KernelContext } from './kernel-context.ts'
import type { HeldSource } from './program.ts'

/** ONNX Runtime packs a matrix in panels of so many outputs. */
const panelOutputs = 16

/** Bytes that ONNX Runtime holds for weights of a graph: each in its own type, matrices packed. */
export function heldWeightBytes(info: GraphInfo, names: ReadonlySet<string>, runtime: SessionRuntime): number {
  let total = 0
  for (const plan of planGraph(info.graph)) {
    if (plan.kind === 'attention') continue
    for (const name of plan.inputs) {
      if (!names.has(name)) continue
      const value = info.values.get(name)!
      const shape = value.declared as readonly number[]
      const linear = plan.nodes.find(({ operator, inputs }) => operator === 'Linear' && inputs[1] === name)
      const outputs =
        linear === undefined ? 1 : shape[(linear.attributes as { transposed: boolean }).transposed ? 0 : 1]!
      const padded = linear === undefined ? 1 : Math.ceil(outputs / panelOutputs) * panelOutputs
      const values = shape.reduce((product, size) => product * size, 1)
      total += (values / outputs) * padded * tensorTypes[heldType(value, runtime.halfTensors)].bytes
    }
  }
  return total
}

/**
 * Checks the spans of weights and keeps their memory until it is released.
 * @throws {FlexgenError} `USAGE`
 */
export function lendWeights(
  { graph, values }: GraphInfo,
  weights: ReadonlyMap<string, Span<HostBuffer>>,
  { memory }: KernelContext,
): Map<string, LentBytes> {
  const lent = new Map<string, LentBytes>()
  for (const [name, span] of weights) {
    const { declared, type } = values.get(name)!
    const byteLength = (declared as number[]).reduce((product, size) => product * size, tensorTypes[type].bytes)
    if (span.byteLength < byteLength)
      throw new UsageError(`${graph.name}: ${name} needs ${byteLength} bytes, but its span has ${span.byteLength}`)
    lent.set(name, memory.lend({ ...span, byteLength }, `${graph.name}: ${name}`))
  }
  for (const { owner } of lent.values()) owner?.retain()
  return lent
}

/** Gives weights to sessions: as they lie, or widened into memory of their own for a moment. */
export function weightSource(
  { values }: GraphInfo,
  lent: ReadonlyMap<string, LentBytes>,
  { pages, widen }: Pick<KernelContext, 'pages' | 'widen'>,
): HeldSource {
  return {
    names: new Set(lent.keys()),
    async take(name, type) {
      const { bytes } = lent.get(name)!
      const value = values.get(name)!
      const shape = value.declared as readonly number[]
      if (type === value.type) return { tensor: { bytes, type, shape }, free: () => {} }
      const byteLength = 2 * bytes.byteLength
      const mapping = pages.map(byteLength)
      const target = new Uint8Array(mapping.buffer, 0, byteLength)
      await widen.widen(bytes, value.type as 'float16' | 'bfloat16', target)
      return { tensor: { bytes: target, type, shape } satisfies Tensor, free: () => mapping.unmap() }
    },
  }
}
