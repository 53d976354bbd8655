import type { KernelWork, MemoryLedger } from '@flexgen/backend-kit'
import { type DType, elementCount } from '@flexgen/spec'
import { widenWeight } from './create-weight-rows.ts'
import { executeRun, type HeldWeight } from './execute-run.ts'
import { workspaceBytes } from './workspace-bytes.ts'

/** The kernels of the reference: graphs run node by node, prepared weights are held in float32. */
export function createKernelWork(ledger: MemoryLedger): KernelWork<HeldWeight> {
  const heldBytes: KernelWork<HeldWeight>['heldBytes'] = (_graph, { shape }) => 4 * elementCount(shape as number[])
  return {
    heldBytes,
    hold(graph, weight, bytes) {
      ledger.take('prepared', heldBytes(graph, weight), `preparing ${weight.name} of ${graph.name}`)
      const shape = weight.shape as number[]
      return { values: widenWeight(bytes, weight.dtype as DType, shape), shape }
    },
    release: (_held, sizeBytes) => ledger.give('prepared', sizeBytes),
    workspaceBytes,
    execute: executeRun,
  }
}
