import type { KernelWork, MemoryLedger } from '@flexgen/backend-kit'
import type { TensorEngine } from '../engine/tensor-engine.ts'
import { executeRun } from './execute-run.ts'
import { heldBytes, type HeldWeight, holdWeight, releaseWeight } from './held-weights.ts'
import { workspaceBytes } from './workspace-bytes.ts'

/** The kernels of an engine: graphs run node by node, prepared weights are tensors that stay. */
export function createKernelWork(engine: TensorEngine, ledger: MemoryLedger): KernelWork<HeldWeight> {
  return {
    heldBytes: (graph, weight) => heldBytes(graph, weight, engine),
    hold: (graph, weight, bytes) => holdWeight(graph, weight, bytes, engine, ledger),
    release: (held, sizeBytes) => releaseWeight(held, sizeBytes, engine, ledger),
    workspaceBytes: (graph, dimensions, maxPositions, held) =>
      workspaceBytes(graph, dimensions, maxPositions, held, engine),
    execute: (graph, held, plan) => executeRun(graph, held, plan, engine),
  }
}
