import { AbortedError, type Backend, type DeviceInfo, type DType, UsageError } from '@flexgen/spec'
import { checkGraph } from '../kernel/check-graph.ts'
import { computeTimes } from '../kernel/compute-times.ts'
import { SimulatedKernel } from '../kernel/simulated-kernel.ts'
import { MemoryLedger, type SharedMemory } from '../memory/memory-ledger.ts'
import { MemoryTable } from '../memory/memory-table.ts'
import type { ComputeSpeeds } from '../scenario/hardware.ts'
import { OperationQueue } from '../time/operation-queue.ts'
import type { SharedResource } from '../time/shared-resource.ts'
import type { VirtualTime } from '../time/virtual-time.ts'
import { createCapabilities } from './capabilities.ts'
import { type QueueContext, SimulatedQueue } from './simulated-queue.ts'

/** What a simulated backend is made from. */
export interface SimulatedBackendOptions {
  readonly name: string
  readonly device: DeviceInfo
  readonly time: VirtualTime
  readonly speeds: ComputeSpeeds
  readonly computeDtype: DType
  readonly ram: SharedMemory
  readonly nextToken: (vocabularySize: number) => number
  readonly compute: SharedResource
  readonly paths: QueueContext['paths']
  readonly costs: { readonly stageSeconds: number; readonly transferSeconds: number; readonly sweepSeconds: number }
  readonly vary: (seconds: number) => number
  readonly notices: readonly string[]
}

/** A backend of a simulated machine, and what the simulation changes of it. */
export interface SimulatedBackend extends Backend {
  /** What the device has from now on; what is held already stays. */
  setCapacity(limitBytes: number): void
}

/** Makes a backend that takes the time of a real one and does nothing else; memory is counted, not allocated. */
export function createSimulatedBackend(options: SimulatedBackendOptions): SimulatedBackend {
  const { time, device, costs, computeDtype, paths, vary } = options
  const { hostVisible, memoryBytes } = device
  const capabilities = createCapabilities(computeDtype)
  const ledger = new MemoryLedger(time, memoryBytes, options.ram, hostVisible)
  const table = new MemoryTable(ledger, hostVisible, capabilities.cacheDtypes)
  const busy = new Set<OperationQueue>()
  let isOpen = true
  let isInSweep = false
  const assertOpen = (): void => {
    if (!isOpen) throw new UsageError('the backend is disposed')
  }
  const preparing = new OperationQueue({ name: 'prepare', time, trace: undefined, busy, vary })
  const context: QueueContext = {
    ledger,
    table,
    times: computeTimes(options.speeds, computeDtype),
    computeDtype,
    nextToken: options.nextToken,
    assertOpen,
    paths,
    compute: options.compute,
    transferSeconds: hostVisible ? 0 : costs.transferSeconds,
    upload: (sizeBytes) =>
      preparing.push('prepare', sizeBytes, paths.in.resource, sizeBytes / paths.in.bytesPerSecond).whenDone(),
    runSeconds: (kernel, computeSeconds) => {
      const startsSweep = kernel.readsIds && !isInSweep
      if (kernel.readsIds) isInSweep = true
      if (kernel.makesLogits) isInSweep = false
      const sweepSeconds = startsSweep ? costs.sweepSeconds : 0
      // A device takes its next run meanwhile, on a host the call costs its time where the kernels run.
      const seconds = hostVisible ? computeSeconds + costs.stageSeconds : Math.max(computeSeconds, costs.stageSeconds)
      return seconds + sweepSeconds
    },
  }

  return {
    specificationVersion: 'v1',
    name: options.name,
    device,
    capabilities,
    notices: options.notices,
    allocate(byteLength) {
      assertOpen()
      return table.allocate(byteLength)
    },
    allocateHost(byteLength) {
      assertOpen()
      return table.allocateHost(byteLength)
    },
    allocateCache(spec, rows) {
      assertOpen()
      return table.allocateCache(spec, rows)
    },
    ...(hostVisible && {
      viewCache: (...[pages, spec]: Parameters<NonNullable<Backend['viewCache']>>) => {
        assertOpen()
        return table.viewCache(pages, spec)
      },
    }),
    free(buffer, ...after) {
      assertOpen()
      table.free(buffer, after)
    },
    async compile(graph) {
      assertOpen()
      checkGraph(graph, capabilities)
      return new SimulatedKernel(context, graph, new Set())
    },
    createQueue(name, trace) {
      assertOpen()
      return new SimulatedQueue(new OperationQueue({ name, time, trace, busy, vary }), context)
    },
    memory: () => ledger.stats(),
    setMemoryLimit(bytes) {
      assertOpen()
      return ledger.setLimit(bytes)
    },
    setCapacity: (limitBytes) => ledger.setCapacity(limitBytes),
    async [Symbol.asyncDispose]() {
      if (!isOpen) return
      isOpen = false
      for (const queue of busy) queue.cancel(new AbortedError('the backend was disposed'))
      for (const queue of busy) await queue.idle()
      table.close()
      ledger.close()
    },
  }
}
