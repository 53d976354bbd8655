import { createPolicy, type LaidOutRun } from '@flexgen/core'
import type { BytesByTier, Percent } from '../result/planned-policy.ts'
import { blockSequences } from './block-bytes.ts'
import type { EngineProblem } from './engine-problem.ts'
import type { BatchSplit } from '../flexgen/flexgen-problem.ts'

/** A policy as it is laid out. */
export interface LayoutWish {
  readonly split: BatchSplit
  readonly percent: Percent
  readonly hostAttentionPercent: number
}

/** A policy laid out by the engine's own planning, to the byte, in the budgets that the problem allows. */
export function layOutExactly(engine: EngineProblem, wish: LayoutWish): LaidOutRun {
  const { problem, allowedBytes, isHost, compressWeight, compressCache } = engine
  const { split, percent, hostAttentionPercent } = wish
  const hostAttention = hostAttentionPercent > 0
  const planner = problem.layouts?.of({ compressWeight, compressCache, hostAttention }) ?? engine.planner
  const policy = createPolicy({
    ...split,
    percent,
    hostAttentionPercent,
    compressWeight,
    compressCache,
    overlap: problem.overlap,
  })
  const workload = {
    sequences: blockSequences(engine, split).block,
    maxPromptTokens: problem.promptTokens,
    maxNewTokens: problem.newTokens,
  }
  const budgets = isHost ? { maxRamBytes: allowedBytes.ram } : { maxDeviceBytes: allowedBytes.device }
  return planner.layOut(policy, workload, budgets)
}

/** The bytes of a laid out run: totals are those that the engine checks against its budgets and holds. */
export function exactBytes(engine: EngineProblem, { plan, block }: LaidOutRun): BytesByTier {
  const { allowedBytes, problem, isHost } = engine
  const { ram, weights } = plan
  const { cache, hidden, activations, logits } = block.bytes
  const bounds = (tier: keyof BytesByTier): { allowed: number; capacity: number } => ({
    allowed: Math.floor(allowedBytes[tier]),
    capacity: problem.capacity[tier],
  })
  const onDevice = {
    cache: cache.device,
    activations: hidden.device + activations.device + logits.device,
  }
  const deviceWeights = isHost ? ram.preparedWeights : weights.device
  const scratchWeights = plan.diskBytes - cache.disk - hidden.disk
  return {
    device: {
      weights: deviceWeights,
      ...onDevice,
      staging: plan.deviceBytes - deviceWeights - onDevice.cache - onDevice.activations,
      total: plan.deviceBytes,
      ...bounds('device'),
    },
    ram: {
      weights: ram.preparedWeights + ram.ramWeights,
      cache: ram.cache,
      activations: ram.hidden + ram.logits,
      staging: ram.weightStaging + ram.cacheStaging + ram.workspace,
      total: ram.total,
      ...bounds('ram'),
    },
    disk: {
      weights: weights.disk,
      cache: cache.disk,
      activations: hidden.disk,
      staging: 0,
      // Weights in files of a checkpoint take no scratch.
      total: plan.diskBytes - scratchWeights + weights.disk,
      ...bounds('disk'),
    },
  }
}
