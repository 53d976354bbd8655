import { systemClock } from '@flexgen/spec'
import { openBackend, openModel } from 'flexgen'
import type { CaseSettings } from '../case/case-settings.ts'
import type { CaseMachine } from './case-machine.ts'

/** Share of the available memory that a case may use where it names no limit of its own. */
const memoryShare = 0.95

/**
 * Opens model and backend on this machine. Without `maxRam` the limit is what the machine has free, so that a case that
 * is too large is refused instead of killed.
 * @throws {FlexgenError} for a model that is not there, or a backend that does not work
 */
export async function openMachine(settings: CaseSettings): Promise<CaseMachine> {
  const model = await openModel(settings)
  try {
    const { backend, notices } = await openBackend(settings.backend, { api: settings.api, threads: settings.threads })
    const { hostBackend, maxDeviceMemory, maxDisk } = settings
    const maxRam = settings.maxRam ?? Math.floor(memoryShare * process.availableMemory())
    return {
      model,
      backend,
      clock: systemClock,
      notices,
      engine: { hostBackend, maxRam, maxDeviceMemory, maxDisk },
      async [Symbol.asyncDispose]() {
        await backend[Symbol.asyncDispose]()
        await model[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await model[Symbol.asyncDispose]()
    throw error
  }
}
