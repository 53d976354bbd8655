import type { LayerGraph } from '@flexgen/spec'
import type { AttentionCache } from '../operators/attention.ts'
import type { TensorEngine, TensorValues } from '../engine/tensor-engine.ts'
import type { HeldWeights } from './held-weights.ts'
import { lastUses } from './last-uses.ts'
import type { RunPlan } from '@flexgen/backend-kit'
import { runNode } from './run-node.ts'
import { type Asking, RunValues } from './run-values.ts'
import { valuesOf } from './widen.ts'

/** Runs all nodes of a graph, in order, and writes the outputs where they are bound; no tensor stays, also on failure. */
export function executeRun(
  graph: LayerGraph,
  held: HeldWeights,
  plan: RunPlan,
  engine: TensorEngine,
): void | Promise<void> {
  return engine.within(() => drive(run(graph, held, plan, engine), engine, undefined))
}

function* run(graph: LayerGraph, held: HeldWeights, plan: RunPlan, engine: TensorEngine): Asking<void> {
  const values = new RunValues(engine)
  const context = { engine, values, shapes: plan.shapes, caches: cachesOf(plan) }
  const drops = lastUses(graph)
  try {
    for (const [name, weight] of held) values.setHeld(name, weight)
    for (const { value, shape, bytes } of plan.inputs) values.setBytes(value.name, shape, bytes(), value.dtype)
    for (const [index, node] of graph.nodes.entries()) {
      yield* runNode(node, context)
      for (const name of drops[index]!) values.drop(name)
    }
    for (const { value, bytes } of plan.outputs) bytes().set(yield* values.bytes(value.name))
  } finally {
    values.close()
  }
}

/** Answers what a run asks for; a promise only where the engine needs time. */
function drive(asking: Asking<void>, engine: TensorEngine, answer: TensorValues | undefined): void | Promise<void> {
  let step = answer === undefined ? asking.next(new Float32Array()) : asking.next(answer)
  while (step.done !== true) {
    const values = engine.read(step.value)
    if (values instanceof Promise) {
      return values.then(
        (later) => drive(asking, engine, later),
        (error: unknown) => void asking.throw(error),
      )
    }
    step = asking.next(values)
  }
  return undefined
}

function cachesOf(plan: RunPlan): Map<string, AttentionCache> {
  return new Map(
    [...plan.caches].map(([name, { rows, spec }]) => [
      name,
      {
        rows: rows.map((lend) => valuesOf(lend(), 'float32') as Float32Array),
        maxPositions: spec.maxPositions,
      },
    ]),
  )
}
