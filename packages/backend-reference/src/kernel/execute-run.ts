import type { LayerGraph } from '@flexgen/spec'
import { createCacheValues } from './create-cache-values.ts'
import { createWeightRows, widenWeight } from './create-weight-rows.ts'
import type { PlannedValue, RunPlan } from '@flexgen/backend-kit'
import { runNode } from './run-node.ts'
import { RunScope, type ScopeCache } from './run-scope.ts'

/** A weight that a prepared kernel holds, widened to float32. */
export interface HeldWeight {
  readonly values: Float32Array
  readonly shape: readonly number[]
}

/** The weights of a prepared kernel by input name. */
export type HeldWeights = ReadonlyMap<string, HeldWeight>

/** Runs all nodes of a graph, in order, and writes the outputs where they are bound. */
export function executeRun(graph: LayerGraph, held: HeldWeights, plan: RunPlan): void {
  const scope = new RunScope(plan.shapes, cachesOf(plan))
  for (const [name, { values, shape }] of held)
    scope.setWeight(name, createWeightRows(new Uint8Array(values.buffer), 'float32', shape))
  for (const input of plan.inputs) setInput(scope, input)
  for (const node of graph.nodes) runNode(node, scope)
  for (const output of plan.outputs) output.bytes().set(scope.bytes(output.value.name))
}

function cachesOf(plan: RunPlan): Map<string, ScopeCache> {
  return new Map(
    [...plan.caches].map(([name, { rows, spec }]) => {
      const scratch = new Float32Array(spec.headDim)
      const values = rows.map((lend) => createCacheValues(lend(), spec, scratch))
      return [name, { rows: values, maxPositions: spec.maxPositions }]
    }),
  )
}

function setInput(scope: RunScope, { value, shape, bytes: lend }: PlannedValue): void {
  const bytes = lend()
  if (value.role === 'weight') scope.setWeight(value.name, createWeightRows(bytes, value.dtype, shape))
  else if (value.dtype === 'q4g64') scope.set(value.name, bytes)
  else if (value.dtype !== 'int32') scope.set(value.name, floatsOf(bytes, shape))
  else scope.set(value.name, intsOf(bytes))
}

function floatsOf(bytes: Uint8Array, shape: readonly number[]): Float32Array {
  if (bytes.byteOffset % 4 !== 0) return widenWeight(bytes, 'float32', shape)
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
}

function intsOf(bytes: Uint8Array): Int32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice()
  return new Int32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4)
}
