import type { PolicyOptions } from '@flexgen/core'
import { parseSize, readPolicyFile, settlePolicy, type Size } from 'flexgen'
import type { CaseChoice, CaseSettings } from '../case/case-settings.ts'
import type { CaseMachine } from './case-machine.ts'

/** A case whose policy is known, and what is to be said of it. */
export interface SettledCase {
  readonly settings: CaseSettings
  readonly notices: readonly string[]
}

/**
 * Fills in what a case leaves to the planner or to a file: percents, batch split, and as many prompts as make a block.
 * @throws {FlexgenError} `INFEASIBLE` where nothing fits, what is wrong with the file or the hardware profile
 */
export async function settleCase(settings: CaseSettings, machine: CaseMachine): Promise<SettledCase> {
  const { choice } = settings
  if (choice === undefined) return { settings, notices: [] }
  const chosen = choice.file === undefined ? await choose(settings, choice, machine) : await readSaved(choice)
  const policy = { ...settings.policy, ...chosen.policy }
  const block = policy.gpuBatchSize * policy.numGpuBatches
  // What is projected is one block; of a job that the planner cuts into several one stands for all.
  const isProjected = settings.cutGenLen !== undefined || settings.debugMode === 'fewer_batch'
  const numPrompts = isProjected ? Math.min(block, choice.numPrompts ?? block) : (choice.numPrompts ?? block)
  return {
    settings: {
      ...settings,
      choice: undefined,
      policy,
      numPrompts,
      maxRam: chosen.maxRam ?? settings.maxRam,
      maxDeviceMemory: chosen.maxDeviceMemory ?? settings.maxDeviceMemory,
    },
    notices: chosen.notices,
  }
}

interface Chosen {
  readonly policy: Partial<CaseSettings['policy']>
  readonly maxRam?: string | undefined
  readonly maxDeviceMemory?: string | undefined
  readonly notices: readonly string[]
}

async function readSaved({ file, gpuBatchSize, numGpuBatches }: CaseChoice): Promise<Chosen> {
  const saved: PolicyOptions = await readPolicyFile(file!)
  return { policy: { ...saved, ...splitOf(gpuBatchSize, numGpuBatches) }, notices: [] }
}

async function choose(settings: CaseSettings, choice: CaseChoice, machine: CaseMachine): Promise<Chosen> {
  if (settings.simulate !== undefined) {
    const { chooseSimulatedPolicy } = await import('../simulate/choose-simulated-policy.ts')
    return chooseSimulatedPolicy(settings, choice, settings.simulate, machine)
  }
  const { percent: _, gpuBatchSize: _size, numGpuBatches: _count, ...parts } = settings.policy
  const { maxRam, maxDeviceMemory, maxDisk } = machine.engine
  const bytes = (size: Size | undefined): number | undefined =>
    size === undefined ? undefined : parseSize(size, 'size')
  const { policy, notices, maxRamBytes, maxDeviceBytes } = await settlePolicy(
    {
      ...settings,
      policy: {
        ...parts,
        ...splitOf(choice.gpuBatchSize, choice.numGpuBatches),
        ...(choice.percent !== undefined && { percent: choice.percent }),
        auto: true,
      },
    },
    machine.model,
    { backend: machine.backend, host: machine.engine.hostBackend },
    { maxRamBytes: bytes(maxRam), maxDeviceBytes: bytes(maxDeviceMemory), maxDiskBytes: bytes(maxDisk) },
    {
      sequences: choice.numPrompts ?? 0,
      maxPromptTokens: settings.promptLen,
      maxNewTokens: settings.genLen,
    },
  )
  const { weights, cache, activations, gpuBatchSize, numGpuBatches, hostAttentionPercent } = policy
  const percent = [weights, cache, activations].flatMap(({ device, ram }) => [device, ram])
  return {
    policy: { percent, gpuBatchSize, numGpuBatches, hostAttentionPercent },
    ...(maxRamBytes !== undefined && { maxRam: `${maxRamBytes}B` }),
    ...(maxDeviceBytes !== undefined && { maxDeviceMemory: `${maxDeviceBytes}B` }),
    notices,
  }
}

/** What flags say of the batch split. */
function splitOf(gpuBatchSize: number | undefined, numGpuBatches: number | undefined) {
  return {
    ...(gpuBatchSize !== undefined && { gpuBatchSize }),
    ...(numGpuBatches !== undefined && { numGpuBatches }),
  }
}
