import type {
  Backend,
  BackendCapabilities,
  CacheBuffer,
  CachePage,
  CacheSpec,
  DeviceBuffer,
  DeviceInfo,
  HostBuffer,
  HostContents,
  HostNeed,
  HostReserve,
  Kernel,
  LayerGraph,
  MemoryStats,
  Queue,
  QueueEvent,
  TraceSink,
} from '@flexgen/spec'
import type { BackendLifetime } from './backend-lifetime.ts'

/** Buffers of a backend. */
export interface BackendBuffers {
  allocate(use: 'device', byteLength: number): DeviceBuffer
  allocate(use: 'host', byteLength: number, contents?: HostContents): HostBuffer
  free(buffer: DeviceBuffer | HostBuffer, after: readonly QueueEvent[]): void
}

/** Caches of a backend. */
export interface BackendCaches {
  has(buffer: object): buffer is CacheBuffer
  allocate(spec: CacheSpec, rows: number): CacheBuffer
  /** For host-visible devices only. */
  view?(pages: readonly CachePage[], spec: CacheSpec): CacheBuffer
  free(cache: CacheBuffer, after: readonly QueueEvent[]): void
}

/** The parts of a backend. */
export interface BackendParts {
  readonly name: string
  readonly device: DeviceInfo
  readonly capabilities: BackendCapabilities
  readonly notices: readonly string[]
  readonly lifetime: Pick<BackendLifetime, 'assertOpen' | 'end'>
  readonly buffers: BackendBuffers
  readonly caches: BackendCaches
  readonly ledger: { stats(): MemoryStats; setLimit(bytes: number): QueueEvent }
  readonly compile: (graph: LayerGraph) => Promise<Kernel>
  readonly createQueue: (name: string, trace?: TraceSink) => Queue
  /** Where the making of host memory takes time. */
  readonly reserveHost?: (need: HostNeed) => HostReserve
  /** Gives back what is left, once queues, work under way and kernels have ended. */
  readonly close: () => void | Promise<void>
}

/** Puts a backend together from its parts; nothing is made after its end. */
export function assembleBackend(parts: BackendParts): Backend {
  const { name, device, capabilities, notices, lifetime, buffers, caches, ledger } = parts
  return {
    specificationVersion: 'v1',
    name,
    device,
    capabilities,
    notices,
    allocate(byteLength) {
      lifetime.assertOpen()
      return buffers.allocate('device', byteLength)
    },
    allocateHost(byteLength, contents) {
      lifetime.assertOpen()
      return buffers.allocate('host', byteLength, contents)
    },
    ...(parts.reserveHost && {
      reserveHost(need): HostReserve {
        lifetime.assertOpen()
        return parts.reserveHost!(need)
      },
    }),
    allocateCache(spec, rows) {
      lifetime.assertOpen()
      return caches.allocate(spec, rows)
    },
    ...(device.hostVisible && {
      viewCache: (pages, spec): CacheBuffer => {
        lifetime.assertOpen()
        return caches.view!(pages, spec)
      },
    }),
    free(buffer, ...after) {
      lifetime.assertOpen()
      if (caches.has(buffer)) caches.free(buffer, after)
      else buffers.free(buffer, after)
    },
    async compile(graph) {
      lifetime.assertOpen()
      return parts.compile(graph)
    },
    createQueue(queueName, trace) {
      lifetime.assertOpen()
      return parts.createQueue(queueName, trace)
    },
    memory: () => ledger.stats(),
    setMemoryLimit(bytes) {
      lifetime.assertOpen()
      return ledger.setLimit(bytes)
    },
    [Symbol.asyncDispose]: () => lifetime.end(parts.close),
  } satisfies Backend
}
