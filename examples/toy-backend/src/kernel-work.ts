import type { KernelWork, MemoryLedger } from '@flexgen/backend-kit'
import { type DType, elementCount, inferShapes } from '@flexgen/spec'
import { runGraph, valuesOf } from './graph-run.ts'

/** The kernels of the toy: graphs run node by node, and prepared weights are held in float32. */
export function createKernelWork(ledger: MemoryLedger): KernelWork<Float32Array> {
  const heldBytes: KernelWork<Float32Array>['heldBytes'] = (_graph, { shape }) => 4 * elementCount(shape as number[])
  return {
    heldBytes,
    hold(graph, weight, bytes) {
      ledger.take('prepared', heldBytes(graph, weight), `preparing ${weight.name} of ${graph.name}`)
      // The bytes are somebody else's again after this call, so that a view of them would not do.
      return Float32Array.from(valuesOf(bytes, weight.dtype as DType))
    },
    release: (_held, sizeBytes) => ledger.give('prepared', sizeBytes),
    // Every value of the graph at once, half floats beside their widened copy, and the weights of attention.
    workspaceBytes(graph, dimensions, maxPositions, held) {
      let sizeBytes = 8 * maxPositions * graph.caches.length
      for (const [name, shape] of inferShapes(graph, dimensions))
        if (!held.has(name)) sizeBytes += 6 * elementCount(shape)
      return sizeBytes
    },
    execute: runGraph,
  }
}
