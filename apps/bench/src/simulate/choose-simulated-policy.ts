import { chooseWeightForms } from '@flexgen/core'
import { hardwareWithoutHost, infeasiblePlanError, type Percent, plan } from '@flexgen/planner'
import { parseSize, type Size } from 'flexgen'
import type { CaseChoice, CasePolicy, CaseSettings } from '../case/case-settings.ts'
import type { CaseMachine } from '../measure/case-machine.ts'
import { readProfile } from './read-profile.ts'

/** What the planner has chosen for a simulated machine. */
export interface SimulatedChoice {
  readonly policy: Pick<CasePolicy, 'percent' | 'gpuBatchSize' | 'numGpuBatches' | 'hostAttentionPercent'>
  readonly notices: readonly string[]
}

/**
 * The fastest policy on a simulated machine by its own profile, laid out with its own backend.
 * @throws {FlexgenError} `INFEASIBLE` with what lacks and what would fit
 */
export async function chooseSimulatedPolicy(
  { promptLen, genLen, policy, direct, dtype, hardware }: CaseSettings,
  { percent: given, gpuBatchSize, numGpuBatches, numPrompts }: CaseChoice,
  profile: string,
  { model: { model }, backend, engine }: CaseMachine,
): Promise<SimulatedChoice> {
  const { createSimulatedSource } = await import('@flexgen/backend-simulated')
  const bytes = (size: Size | undefined): number | undefined =>
    size === undefined ? undefined : parseSize(size, 'a budget')
  const { compressWeight, compressCache, overlap, sepLayer, attentionSparsity } = policy
  const believed = await readProfile(hardware ?? profile)
  const result = await plan({
    model,
    // What the planner believes of the machine need not be what it is.
    hardware: policy.hostAttentionPercent === 0 ? hardwareWithoutHost(believed) : believed,
    costModel: 'engine',
    promptTokens: promptLen,
    newTokens: genLen,
    numPrompts,
    capacity: { device: bytes(engine.maxDeviceMemory), ram: bytes(engine.maxRam), disk: bytes(engine.maxDisk) },
    margin: { device: 1, ram: 1, disk: 1 },
    fixed: { percent: given as Percent | undefined, gpuBatchSize, numGpuBatches },
    compressWeight,
    compressCache,
    overlap,
    directIo: direct,
    isWithoutAdvice: true,
    layout: {
      backend,
      host: engine.hostBackend,
      dtype,
      sepLayer,
      attentionSparsity,
      weights: (compress) => createSimulatedSource({ model, ...(compress && { forms: chooseWeightForms(model) }) }),
    },
  })
  if (!result.feasible) throw infeasiblePlanError(result)
  const { percent, hostAttentionPercent, ...chosen } = result.policy
  const { prefillSeconds, decodeSeconds } = result.predicted
  const batches = `${chosen.gpuBatchSize}x${chosen.numGpuBatches}`
  const onHost = hostAttentionPercent > 0 ? `, ${hostAttentionPercent} % of the KV in RAM attended on the host` : ''
  return {
    policy: {
      percent,
      gpuBatchSize: chosen.gpuBatchSize,
      numGpuBatches: chosen.numGpuBatches,
      ...(hostAttentionPercent > 0 && { hostAttentionPercent }),
    },
    notices: [
      `policy auto: ${percent.join(' ')}, ${batches}${onHost}; predicted prefill ${prefillSeconds.toPrecision(3)} s, ` +
        `decode ${decodeSeconds.toPrecision(3)} s`,
    ],
  }
}
