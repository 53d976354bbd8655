import { cpus, totalmem } from 'node:os'
import { setImmediate } from 'node:timers/promises'
import { createHostBackend, MemoryLedger } from '@flexgen/backend-kit'
import { type Backend, type Clock, systemClock } from '@flexgen/spec'
import { capabilities } from './capabilities.ts'
import type { EngineName } from './engine/engine-name.ts'
import type { TensorEngine } from './engine/tensor-engine.ts'
import { createKernelWork } from './kernel/create-kernel-work.ts'

/** Makes a backend over an engine that is open. */
export function createBackendOn(engine: TensorEngine, name: EngineName, clock: Clock = systemClock): Backend {
  const ledger = new MemoryLedger(clock, { arena: engine.arena })
  return createHostBackend({
    name: `tfjs:${name}`,
    title: 'the TensorFlow.js backend',
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
    clock,
    ledger,
    work: createKernelWork(engine, ledger),
    pause: () => setImmediate(),
    close: () => engine.close(),
  })
}
