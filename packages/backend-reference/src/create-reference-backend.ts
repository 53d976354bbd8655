import { totalmem } from 'node:os'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { CacheTable, HostQueue, MemoryTable } from '@flexgen/backend-kit'
import {
  AbortedError,
  type Backend,
  type CacheBuffer,
  type Clock,
  type DeviceBuffer,
  type Queue,
  systemClock,
  UsageError,
} from '@flexgen/spec'
import { capabilities } from './kernel/capabilities.ts'
import { checkGraph } from './kernel/check-graph.ts'
import { type KernelContext, planOf, ReferenceKernel } from './kernel/reference-kernel.ts'
import { MemoryLedger } from './memory/memory-ledger.ts'

/** How a reference backend behaves; all of it is for tests. */
export interface ReferenceBackendOptions {
  readonly clock?: Clock
  /**
   * Whether device and host are one memory (default). With `false` the device is simulated with memory of its own:
   * kernels refuse host buffers, everything is copied, and there are no views.
   */
  readonly hostVisible?: boolean
  /** Memory of the device in bytes, which is also its first limit; the machine's, without a limit, by default. */
  readonly memoryBytes?: number
  /** Delays an operation by its label (`copyIn`, `copyOut`, `copy`, `copyToCache`, `copyFromCache`, `run GRAPH`). */
  readonly asyncDelayMs?: (label: string) => number | undefined
}

/** Makes a backend that computes in plain float32 TypeScript with fixed order of summation: the oracle of the tests. */
export function createReferenceBackend(options: ReferenceBackendOptions = {}): Backend {
  const { clock = systemClock, hostVisible = true, memoryBytes, asyncDelayMs } = options
  const ledger = new MemoryLedger(clock, memoryBytes ?? Number.POSITIVE_INFINITY)
  const table = new MemoryTable(ledger, hostVisible)
  const caches = new CacheTable(table, capabilities.cacheDtypes, 'the reference backend')
  const busyQueues = new Set<Queue>()
  let isOpen = true
  const assertOpen = (): void => {
    if (!isOpen) throw new UsageError('the backend is disposed')
  }
  const pause = async (label: string): Promise<void> => {
    const delayMs = asyncDelayMs?.(label) ?? 0
    await (delayMs > 0 ? setTimeout(delayMs) : setImmediate())
  }
  const context: KernelContext = { ledger, table, caches, busyQueues, assertOpen, pause }

  return {
    specificationVersion: 'v1',
    name: 'reference',
    device: {
      kind: 'cpu',
      description: hostVisible ? 'TypeScript in float32' : 'TypeScript in float32, with separate device memory',
      memoryBytes: memoryBytes ?? totalmem(),
      hostVisible,
    },
    capabilities,
    notices: [],
    allocate(byteLength): DeviceBuffer {
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
    ...(hostVisible && {
      viewCache: (pages, spec): CacheBuffer => {
        assertOpen()
        return caches.view(pages, spec)
      },
    }),
    free(buffer, ...after) {
      assertOpen()
      if (caches.has(buffer)) caches.free(buffer as CacheBuffer, after)
      else table.free(buffer, after)
    },
    async compile(graph) {
      assertOpen()
      checkGraph(graph)
      return new ReferenceKernel(context, graph, new Map())
    },
    createQueue(name, trace) {
      assertOpen()
      return new HostQueue(
        name,
        { ...context, plan: (kernel, binding) => planOf(context, kernel, binding) },
        clock,
        trace,
      )
    },
    memory: () => ledger.stats(),
    setMemoryLimit(bytes) {
      assertOpen()
      return ledger.setLimit(bytes)
    },
    async [Symbol.asyncDispose]() {
      isOpen = false
      for (const queue of busyQueues) queue.cancel(new AbortedError('the backend was disposed'))
      await Promise.all([...busyQueues].map((queue) => queue.idle()))
      table.close()
      ledger.close()
    },
  } satisfies Backend
}
