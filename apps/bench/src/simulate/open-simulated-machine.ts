import { chooseWeightForms } from '@flexgen/core'
import { openModel, parseSize } from 'flexgen'
import type { CaseSettings } from '../case/case-settings.ts'
import type { CaseMachine } from '../measure/case-machine.ts'
import { readProfile } from './read-profile.ts'
import { findScenario } from './named-scenarios.ts'

/**
 * Opens a case on a simulated machine: the named model's shapes without bytes, the profile's budgets where the case
 * names none, and a clock that stands still while nobody waits.
 * @throws {FlexgenError} for a model without a built-in config, or a profile or scenario that is not there or wrong
 */
export async function openSimulatedMachine(settings: CaseSettings, profile: string): Promise<CaseMachine> {
  const { createSimulatedSource, createSimulation } = await import('@flexgen/backend-simulated')
  const hardware = await readProfile(profile)
  const scenario = settings.scenario === undefined ? undefined : await findScenario(settings.scenario, settings.genLen)
  const diskWay = settings.direct ? 'direct' : (scenario?.diskWay ?? 'buffered')
  // Only names and shapes are needed, wherever the model lies.
  const opened = await openModel({ model: settings.model, path: '_DUMMY_' })
  await opened[Symbol.asyncDispose]()
  const { model } = opened
  const forms = settings.policy.compressWeight === true ? chooseWeightForms(model) : new Map()
  const weights = createSimulatedSource({ model, forms })
  const simulation = createSimulation({
    hardware,
    scenario: { schemaVersion: 1, ...scenario, diskWay },
    dtype: settings.dtype,
    pinned: settings.pinWeight,
  })
  const { backend, host, clock, ram, disk, budgets, stopRule } = simulation
  const limit = (size: string | undefined, most: number): number =>
    size === undefined ? most : Math.min(most, parseSize(size, 'a budget'))
  return {
    model: { ...opened, weights, [Symbol.asyncDispose]: () => weights[Symbol.asyncDispose]() },
    backend,
    clock,
    notices: settings.offloadDir === undefined ? [] : ['--offload-dir changes nothing: a simulated disk has no folder'],
    engine: {
      hostBackend: host,
      machine: {
        clock,
        ram,
        disk,
        room: { ramBytes: hardware.capacity.ramBytes, diskBytes: hardware.capacity.diskBytes },
      },
      maxRam: limit(settings.maxRam, budgets.ram),
      maxDeviceMemory: limit(settings.maxDeviceMemory, budgets.device),
      maxDisk: limit(settings.maxDisk, budgets.disk),
    },
    stopRule,
    onBudget: (listener) =>
      simulation.onChange((change) => {
        if ('budget' in change && change.budget !== 'disk') listener({ [change.budget]: change.bytes })
      }),
    endSweep: (sweeps) => simulation.endSweep(sweeps),
    begin: () => simulation.restart(),
    [Symbol.asyncDispose]: () => simulation[Symbol.asyncDispose](),
  }
}
