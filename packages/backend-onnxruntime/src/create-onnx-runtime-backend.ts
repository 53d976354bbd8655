import { cpus, totalmem } from 'node:os'
import {
  assembleBackend,
  BackendLifetime,
  createPageMemory,
  MappedCacheTable,
  MappedMemoryTable,
} from '@flexgen/backend-kit'
import { type Backend, type Clock, systemClock } from '@flexgen/spec'
import { cpuCapabilities } from './graphs/capabilities.ts'
import { describeGraph } from './graphs/graph-info.ts'
import { AttentionSessions } from './kernels/attention-sessions.ts'
import type { KernelContext, LiveKernel } from './kernels/kernel-context.ts'
import { createLoopBudget } from './kernels/loop-budget.ts'
import { OnnxKernel } from './kernels/onnx-kernel.ts'
import { createProgram } from './kernels/program.ts'
import { MemoryLedger } from './memory/memory-ledger.ts'
import { ScratchPool } from './memory/scratch-pool.ts'
import { OnnxQueue } from './queue/onnx-queue.ts'
import { openRuntime, type RuntimeOptions } from './sessions/open-runtime.ts'

/** How ONNX Runtime is opened. */
export interface OnnxRuntimeBackendOptions extends RuntimeOptions {
  readonly clock?: Clock
}

/**
 * Makes a backend that computes with ONNX Runtime on the CPU: on buffers of its own, which are host memory, and with
 * runs that leave the event loop free where the C API works.
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE` where ONNX Runtime, or the API that was asked for, cannot be used;
 * `USAGE` for bad options
 */
export async function createOnnxRuntimeBackend(options: OnnxRuntimeBackendOptions = {}): Promise<Backend> {
  const { clock = systemClock } = options
  const { runtime, koffi, notices } = await openRuntime(options)
  const pages = createPageMemory(koffi)
  const scratch = new ScratchPool(pages)
  const ledger = new MemoryLedger(clock, {
    heldBytes: (preparedBytes) => scratch.heldBytes + Math.max(0, runtime.heldBytes() - preparedBytes),
    trim: () => {
      scratch.trim()
      runtime.trim()
    },
  })
  const memory = new MappedMemoryTable(pages, ledger)
  const capabilities = cpuCapabilities(runtime.api === 'c')
  const caches = new MappedCacheTable(memory, {
    dtypes: capabilities.cacheDtypes,
    owner: 'ONNX Runtime on the CPU',
  })
  const attention = new AttentionSessions(runtime)
  const lifetime = new BackendLifetime<LiveKernel>()
  const budget = createLoopBudget(clock)
  const context: KernelContext = { runtime, ledger, memory, caches, scratch, attention, budget, lifetime }
  return assembleBackend({
    name: 'onnxruntime',
    device: {
      kind: 'cpu',
      description: `${cpus()[0]?.model.trim() ?? 'CPU'}, ${runtime.threads} threads, ONNX Runtime ${runtime.version} through its ${runtime.api === 'c' ? 'C' : 'JavaScript'} API`,
      memoryBytes: totalmem(),
      hostVisible: true,
    },
    capabilities,
    notices,
    lifetime,
    buffers: memory,
    caches,
    ledger,
    async compile(graph) {
      const info = describeGraph(graph)
      const program = await lifetime.track(
        () => createProgram(context, info),
        (made) => made.release(),
      )
      return new OnnxKernel(context, program, 0)
    },
    createQueue: (name, trace) => new OnnxQueue(name, context, clock, trace),
    async close() {
      await attention.release()
      memory.close()
      scratch.trim()
      ledger.close()
      runtime.release()
    },
  })
}
