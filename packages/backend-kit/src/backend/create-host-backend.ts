import type { Backend, BackendCapabilities, Clock, DeviceInfo } from '@flexgen/spec'
import { checkGraph } from '../check/check-graph.ts'
import { CacheTable } from '../memory/cache-table.ts'
import type { MemoryLedger } from '../memory/memory-ledger.ts'
import { MemoryTable } from '../memory/memory-table.ts'
import { HostQueue, type HostQueueContext } from '../queue/host-queue.ts'
import { HostKernel, type KernelContext } from '../run/host-kernel.ts'
import type { KernelWork } from '../run/kernel-work.ts'
import { assembleBackend } from './assemble-backend.ts'
import { BackendLifetime } from './backend-lifetime.ts'

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
  const lifetime = new BackendLifetime()
  const context: KernelContext<Held> = { ledger, work, table, caches, lifetime, pause }
  const queueContext: HostQueueContext = {
    table,
    caches,
    lifetime,
    pause,
    plan: (kernel, binding) => HostKernel.plan(context, kernel, binding),
  }
  return assembleBackend({
    name,
    device,
    capabilities,
    notices,
    lifetime,
    buffers: table,
    caches,
    ledger,
    async compile(graph) {
      checkGraph(graph, capabilities, title)
      return new HostKernel(context, graph)
    },
    createQueue: (queueName, trace) => new HostQueue(queueName, queueContext, clock, trace),
    close() {
      table.close()
      ledger.close()
      parts.close?.()
    },
  })
}
