import { totalmem } from 'node:os'
import { setImmediate } from 'node:timers/promises'
import { createHostBackend, MemoryLedger } from '@flexgen/backend-kit'
import { type Backend, systemClock, UnsupportedDataError } from '@flexgen/spec'
import { capabilities } from './capabilities.ts'
import { createKernelWork } from './kernel-work.ts'

/** Makes a backend that computes OPT in plain TypeScript. */
export function createToyBackend(): Backend {
  const ledger = new MemoryLedger(systemClock)
  const backend = createHostBackend({
    name: 'toy',
    title: 'the toy backend',
    device: { kind: 'cpu', description: 'plain TypeScript', memoryBytes: totalmem(), hostVisible: true },
    capabilities,
    notices: ['one number after the other on one thread; copies do not overlap with runs'],
    clock: systemClock,
    ledger,
    work: createKernelWork(ledger),
    pause: () => setImmediate(),
  })
  return {
    ...backend,
    async compile(graph) {
      for (const { operator, attributes } of graph.nodes)
        if (operator === 'Attention' && attributes.sparsity !== 1)
          throw new UnsupportedDataError('the toy backend attends to every position')
      return await backend.compile(graph)
    },
  }
}
