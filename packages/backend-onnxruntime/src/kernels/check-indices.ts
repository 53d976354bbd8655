import { type NodeOf, UsageError } from '@flexgen/spec'
import type { DensePlan } from '../graphs/plan-graph.ts'
import type { RunState } from './run-state.ts'

/** A look-up whose indices somebody else writes: they come from outside the step. */
export function openLookUps({ nodes, inputs }: DensePlan): readonly NodeOf<'Gather'>[] {
  return nodes.filter((node) => node.operator === 'Gather').filter((node) => inputs.includes(node.inputs[1]!))
}

/**
 * Checks the indices of a look-up before ONNX Runtime, which counts negative ones from the end of the table.
 * @throws {FlexgenError} `USAGE`
 */
export function checkIndices({ inputs, attributes }: NodeOf<'Gather'>, rowCount: number, state: RunState): void {
  const { bytes } = state.tensor(inputs[1]!)
  for (const index of new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)) {
    const row = index + attributes.indexOffset
    if (row < 0 || row >= rowCount) throw new UsageError(`Gather reads row ${row} of a table of ${rowCount} rows`)
  }
}
