import { cpus, totalmem } from 'node:os'
import {
  AbortedError,
  type Backend,
  type CacheBuffer,
  type Clock,
  type Queue,
  systemClock,
  type TraceSink,
  UsageError,
} from '@flexgen/spec'
import { createPageMemory } from './ffi/native-memory.ts'
import { cpuCapabilities } from './graphs/capabilities.ts'
import { describeGraph } from './graphs/graph-info.ts'
import { AttentionSessions } from './kernels/attention-sessions.ts'
import type { KernelContext, LiveKernel } from './kernels/kernel-context.ts'
import { createLoopBudget } from './kernels/loop-budget.ts'
import { OnnxKernel } from './kernels/onnx-kernel.ts'
import { createProgram } from './kernels/program.ts'
import { CacheTable } from './memory/cache.ts'
import { MemoryLedger } from './memory/memory-ledger.ts'
import { MemoryTable } from './memory/memory-table.ts'
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
  const memory = new MemoryTable(pages, ledger)
  const caches = new CacheTable(memory)
  const attention = new AttentionSessions(runtime)
  const busyQueues = new Set<Queue>()
  const kernels = new Set<LiveKernel>()
  const works = new Set<Promise<unknown>>()
  let disposing: Promise<void> | undefined
  const assertOpen = (): void => {
    if (disposing !== undefined) throw new UsageError('the backend is disposed')
  }
  const track: KernelContext['track'] = async (work) => {
    assertOpen()
    const working = work()
    works.add(working)
    const made = await working.finally(() => works.delete(working))
    if (disposing === undefined) return made
    made.release()
    throw new AbortedError('the backend was disposed')
  }
  const budget = createLoopBudget(clock)
  const context: KernelContext = {
    runtime,
    ledger,
    memory,
    caches,
    scratch,
    attention,
    budget,
    busyQueues,
    kernels,
    track,
    assertOpen,
  }
  const dispose = async (): Promise<void> => {
    for (const queue of busyQueues) queue.cancel(new AbortedError('the backend was disposed'))
    await Promise.all([...busyQueues].map((queue) => queue.idle()))
    await Promise.allSettled(works)
    await Promise.all([...kernels].map((kernel) => kernel[Symbol.asyncDispose]()))
    await attention.release()
    memory.close()
    scratch.trim()
    ledger.close()
    runtime.release()
  }

  return {
    specificationVersion: 'v1',
    name: 'onnxruntime',
    device: {
      kind: 'cpu',
      description: `${cpus()[0]?.model.trim() ?? 'CPU'}, ${runtime.threads} threads, ONNX Runtime ${runtime.version} through its ${runtime.api === 'c' ? 'C' : 'JavaScript'} API`,
      memoryBytes: totalmem(),
      hostVisible: true,
    },
    capabilities: cpuCapabilities(runtime.api === 'c'),
    notices,
    allocate(byteLength) {
      assertOpen()
      return memory.allocate('device', byteLength)
    },
    allocateHost(byteLength) {
      assertOpen()
      return memory.allocate('host', byteLength)
    },
    allocateCache(spec, rows) {
      assertOpen()
      return caches.allocate(spec, rows)
    },
    viewCache(pagesOfRows, spec): CacheBuffer {
      assertOpen()
      return caches.view(pagesOfRows, spec)
    },
    free(buffer, ...after) {
      assertOpen()
      if (caches.has(buffer)) caches.free(buffer, after)
      else memory.free(buffer, after)
    },
    async compile(graph) {
      assertOpen()
      const info = describeGraph(graph)
      return new OnnxKernel(context, await track(() => createProgram(context, info)), 0)
    },
    createQueue(name: string, trace?: TraceSink) {
      assertOpen()
      return new OnnxQueue(name, context, clock, trace)
    },
    memory: () => ledger.stats(),
    setMemoryLimit(bytes) {
      assertOpen()
      return ledger.setLimit(bytes)
    },
    [Symbol.asyncDispose]() {
      disposing ??= dispose()
      return disposing
    },
  }
}
