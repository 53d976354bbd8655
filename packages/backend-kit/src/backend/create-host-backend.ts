import {
  AbortedError,
  type Backend,
  type BackendCapabilities,
  type CacheBuffer,
  type Clock,
  type DeviceInfo,
  type Queue,
  UsageError,
} from '@flexgen/spec'
import { checkGraph } from '../check/check-graph.ts'
import { CacheTable } from '../memory/cache-table.ts'
import type { MemoryLedger } from '../memory/memory-ledger.ts'
import { MemoryTable } from '../memory/memory-table.ts'
import { HostQueue, type HostQueueContext } from '../queue/host-queue.ts'
import { HostKernel, type KernelContext } from '../run/host-kernel.ts'
import type { KernelWork } from '../run/kernel-work.ts'

/** What makes one backend over host memory differ from another. */
export interface HostBackendParts<Held> {
  readonly name: string
  /** For messages, such as `the reference backend`. */
  readonly title: string
  readonly device: DeviceInfo
  readonly capabilities: BackendCapabilities
  readonly notices: readonly string[]
  readonly clock: Clock
  /** New, and counted by nobody else. */
  readonly ledger: MemoryLedger
  readonly work: KernelWork<Held>
  /** Lets the event loop turn before an operation works, so that events are really pending as on a device. */
  readonly pause: (label: string) => Promise<void>
  /** Called at the end, when everything was given back. */
  readonly close?: () => void
}

/** Makes a backend whose buffers, caches and queues are host memory, around the kernels that it brings. */
export function createHostBackend<Held>(parts: HostBackendParts<Held>): Backend {
  const { name, title, device, capabilities, notices, clock, ledger, work, pause } = parts
  const table = new MemoryTable(ledger, device.hostVisible)
  const caches = new CacheTable(table, capabilities.cacheDtypes, title)
  const busyQueues = new Set<Queue>()
  const prepared = new Set<AsyncDisposable>()
  let disposing: Promise<void> | undefined
  const assertOpen = (): void => {
    if (disposing !== undefined) throw new UsageError('the backend is disposed')
  }
  const context: KernelContext<Held> = { ledger, work, table, caches, prepared, assertOpen, pause }
  const queueContext: HostQueueContext = {
    table,
    caches,
    busyQueues,
    assertOpen,
    pause,
    plan: (kernel, binding) => HostKernel.plan(context, kernel, binding),
  }
  const dispose = async (): Promise<void> => {
    for (const queue of busyQueues) queue.cancel(new AbortedError('the backend was disposed'))
    await Promise.all([...busyQueues].map((queue) => queue.idle()))
    await Promise.all([...prepared].map((kernel) => kernel[Symbol.asyncDispose]()))
    table.close()
    ledger.close()
    parts.close?.()
  }

  return {
    specificationVersion: 'v1',
    name,
    device,
    capabilities,
    notices,
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
    ...(device.hostVisible && {
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
      checkGraph(graph, capabilities, title)
      return new HostKernel(context, graph)
    },
    createQueue(queueName, trace) {
      assertOpen()
      return new HostQueue(queueName, queueContext, clock, trace)
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
  } satisfies Backend
}
