import { cpus, totalmem } from 'node:os'
import { setImmediate } from 'node:timers/promises'
import { CacheTable, HostQueue, type HostQueueContext, MemoryTable } from '@flexgen/backend-kit'
import {
  AbortedError,
  type Backend,
  type CacheBuffer,
  type Clock,
  type Queue,
  systemClock,
  UsageError,
} from '@flexgen/spec'
import { capabilities } from './capabilities.ts'
import type { EngineName } from './engine/engine-name.ts'
import { openEngine } from './engine/open-engine.ts'
import type { TensorEngine } from './engine/tensor-engine.ts'
import { checkGraph } from './kernel/check-graph.ts'
import { type KernelContext, planOf, TfjsKernel } from './kernel/tfjs-kernel.ts'
import { MemoryLedger } from './memory/memory-ledger.ts'

/** Which TensorFlow.js computes. */
export interface TfjsBackendOptions {
  /** `wasm` by default: the fastest that needs no native library. */
  readonly engine?: EngineName
  readonly clock?: Clock
}

/**
 * Makes a backend over an engine of TensorFlow.js, in float32. Buffers and caches are host memory whatever the engine;
 * tensors live for a run, or as long as a prepared kernel.
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE` where the engine does not work here, `USAGE` for an unknown one
 */
export async function createTfjsBackend(options: TfjsBackendOptions = {}): Promise<Backend> {
  const { engine: name = 'wasm', clock = systemClock } = options
  return createBackendOn(await openEngine(name), name, clock)
}

/** Makes a backend over an engine that is open. */
export function createBackendOn(engine: TensorEngine, name: EngineName, clock: Clock = systemClock): Backend {
  const ledger = new MemoryLedger(clock, engine.arena)
  const table = new MemoryTable(ledger, true)
  const caches = new CacheTable(table, capabilities.cacheDtypes, 'the TensorFlow.js backend')
  const busyQueues = new Set<Queue>()
  const prepared = new Set<TfjsKernel>()
  let disposing: Promise<void> | undefined
  const assertOpen = (): void => {
    if (disposing !== undefined) throw new UsageError('the backend is disposed')
  }
  const context: KernelContext = { engine, ledger, table, caches, busyQueues, prepared, assertOpen }
  const dispose = async (): Promise<void> => {
    for (const queue of busyQueues) queue.cancel(new AbortedError('the backend was disposed'))
    await Promise.all([...busyQueues].map((queue) => queue.idle()))
    await Promise.all([...prepared].map((kernel) => kernel[Symbol.asyncDispose]()))
    table.close()
    ledger.close()
    engine.close()
  }

  return {
    specificationVersion: 'v1',
    name: `tfjs:${name}`,
    device: {
      kind: engine.isRemote ? 'other' : 'cpu',
      description: `${cpus()[0]?.model.trim() ?? 'CPU'}, ${engine.description}`,
      memoryBytes: totalmem(),
      hostVisible: true,
    },
    capabilities,
    notices: [
      `${engine.description}: weights and KV in float32, half weights are widened as they are uploaded, copies do not overlap with runs${engine.isRemote ? '' : ', and runs block the event loop'}`,
      ...engine.notices,
    ],
    allocate(byteLength) {
      assertOpen()
      return table.allocateBuffer('device', byteLength)
    },
    allocateHost(byteLength) {
      assertOpen()
      return table.allocateBuffer('host', byteLength)
    },
    allocateCache(spec, rows) {
      assertOpen()
      return caches.allocate(spec, rows)
    },
    viewCache(pages, spec): CacheBuffer {
      assertOpen()
      return caches.view(pages, spec)
    },
    free(buffer, ...after) {
      assertOpen()
      if (caches.has(buffer)) caches.free(buffer as CacheBuffer, after)
      else table.free(buffer, after)
    },
    async compile(graph) {
      assertOpen()
      checkGraph(graph)
      return new TfjsKernel(context, graph, new Map())
    },
    createQueue(queueName, trace) {
      assertOpen()
      const plan: HostQueueContext['plan'] = (kernel, binding) => planOf(context, kernel, binding)
      return new HostQueue(queueName, { ...context, pause: () => setImmediate(), plan }, clock, trace)
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
