import type { EngineBudget } from '@flexgen/core'
import { systemClock, UsageError } from '@flexgen/spec'
import { openBackend, openHostBackend, openModel } from 'flexgen'
import type { CaseSettings } from '../case/case-settings.ts'
import type { CaseMachine } from './case-machine.ts'

/** Share of the available memory that a case may use where it names no limit of its own. */
const memoryShare = 0.95

/**
 * The budgets of a scenario on this machine, by sweeps; all else that it may say is for simulated machines.
 * @throws {UsageError} for a scenario that says more
 */
async function budgetChanges(nameOrFile: string, sweeps: number): Promise<Pick<CaseMachine, 'onBudget' | 'endSweep'>> {
  const { findScenario } = await import('../simulate/named-scenarios.ts')
  const { changes = [], schemaVersion: _, description: _about, ...rest } = await findScenario(nameOrFile, sweeps)
  const listeners: ((budget: EngineBudget) => void)[] = []
  const isHere = changes.every((change) => 'budget' in change && change.atSweep !== undefined)
  if (!isHere || Object.keys(rest).length > 0) {
    throw new UsageError(`--scenario ${nameOrFile} changes more than budgets after so many sweeps`, {
      hint: 'everything else needs a simulated machine: give --simulate too',
    })
  }
  return {
    onBudget: (listener) => void listeners.push(listener),
    endSweep: (sweeps) => {
      for (const change of changes) {
        if (!('budget' in change) || change.atSweep !== sweeps) continue
        for (const listener of listeners) listener({ [change.budget]: change.bytes })
      }
    },
  }
}

/**
 * Opens model and backend on this machine. Without `maxRam` the limit is what the machine has free, so that a case that
 * is too large is refused instead of killed.
 * @throws {FlexgenError} for a model that is not there, or a backend that does not work
 */
export async function openMachine(settings: CaseSettings): Promise<CaseMachine> {
  const model = await openModel(settings)
  try {
    const { backend, notices } = await openBackend(settings.backend, {
      api: settings.api,
      threads: settings.threads,
      pinWeight: settings.pinWeight ? undefined : false,
    })
    const { maxDeviceMemory, maxDisk } = settings
    const policy = settings.choice === undefined ? settings.policy : 'auto'
    const { host, isOwn } = await openHostBackend({ ...settings, policy }, backend)
    const changes = settings.scenario === undefined ? {} : await budgetChanges(settings.scenario, settings.genLen)
    const maxRam = settings.maxRam ?? Math.floor(memoryShare * process.availableMemory())
    return {
      model,
      backend,
      clock: systemClock,
      notices,
      engine: { hostBackend: host, maxRam, maxDeviceMemory, maxDisk },
      ...changes,
      async [Symbol.asyncDispose]() {
        if (isOwn) await host![Symbol.asyncDispose]()
        await backend[Symbol.asyncDispose]()
        await model[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await model[Symbol.asyncDispose]()
    throw error
  }
}
