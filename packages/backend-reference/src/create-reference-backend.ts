import { totalmem } from 'node:os'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { createHostBackend, MemoryLedger } from '@flexgen/backend-kit'
import { type Backend, type Clock, systemClock } from '@flexgen/spec'
import { capabilities } from './kernel/capabilities.ts'
import { createKernelWork } from './kernel/create-kernel-work.ts'

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
  const ledger = new MemoryLedger(clock, { limitBytes: memoryBytes })
  return createHostBackend({
    name: 'reference',
    title: 'the reference backend',
    device: {
      kind: 'cpu',
      description: hostVisible ? 'TypeScript in float32' : 'TypeScript in float32, with separate device memory',
      memoryBytes: memoryBytes ?? totalmem(),
      hostVisible,
    },
    capabilities,
    notices: [],
    clock,
    ledger,
    work: createKernelWork(ledger),
    pause: async (label) => {
      const delayMs = asyncDelayMs?.(label) ?? 0
      await (delayMs > 0 ? setTimeout(delayMs) : setImmediate())
    },
  })
}
