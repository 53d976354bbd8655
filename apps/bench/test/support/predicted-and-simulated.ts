import { optFamily } from '@flexgen/opt'
import { namedProfile, type Percent, predictPolicy } from '@flexgen/planner'
import { settingsOf } from '../../src/case/case-settings.ts'
import { measureCase } from '../../src/measure/measure-case.ts'

/** A policy on a simulated machine, all of its KV off the device. */
export interface SimulatedPolicy {
  readonly profile: 'flexgen-t4' | 'h100-pcie5'
  readonly model: string
  readonly sepLayer: boolean
  readonly hostAttention: boolean
  readonly gpuBatchSize: number
  readonly numGpuBatches: number
  /** Percent of the weights on the device. */
  readonly deviceWeights: number
}

/** Seconds of a phase. */
export interface PredictedAndSimulated {
  readonly predicted: number
  readonly simulated: number
}

const [promptTokens, newTokens] = [256, 6]

/** What the planner's model of the engine expects of a policy, and what the engine then takes on the simulated machine. */
export async function predictedAndSimulated({
  profile,
  model: name,
  sepLayer,
  hostAttention,
  gpuBatchSize,
  numGpuBatches,
  deviceWeights,
}: SimulatedPolicy): Promise<{ readonly prefill: PredictedAndSimulated; readonly decodeStep: PredictedAndSimulated }> {
  const percent: Percent = [deviceWeights, 100 - deviceWeights, 0, 100, 0, 100]
  const sizes = { promptLen: promptTokens, maxNewTokens: newTokens, gpuBatchSize, numGpuBatches }
  const measured = await measureCase(
    settingsOf(
      { simulate: profile, model: name, percent, sepLayer, cpuCacheCompute: hostAttention, dtype: 'float16', ...sizes },
      0,
    ),
  )
  const { predicted } = await predictPolicy({
    model: optFamily.create(optFamily.builtinConfig(name), { name }),
    hardware: namedProfile(profile)!,
    promptTokens,
    newTokens,
    numPrompts: gpuBatchSize * numGpuBatches,
    policy: { percent, gpuBatchSize, numGpuBatches, hostAttentionPercent: hostAttention ? 100 : 0 },
    layout: { dtype: 'float16', sepLayer },
  })
  return {
    prefill: { predicted: predicted.prefill.seconds, simulated: measured.prefillSeconds },
    decodeStep: {
      predicted: predicted.decodeStep.seconds,
      simulated: measured.decodeSeconds / (newTokens - 1),
    },
  }
}
