import { UsageError } from '@flexgen/spec'
import type { PolicyChoice, readPolicyFile } from 'flexgen'
import type { GenerateFlags } from './generate-flags.ts'

/** What a file of `--policy` says. */
export type SavedPolicy = Awaited<ReturnType<typeof readPolicyFile>>

type PolicyFlags = Pick<
  GenerateFlags,
  | 'policy'
  | 'percent'
  | 'gpuBatchSize'
  | 'numGpuBatches'
  | 'overlap'
  | 'sepLayer'
  | 'placement'
  | 'cpuCacheCompute'
  | 'attnSparsity'
  | 'compressWeight'
  | 'compressCache'
>

/**
 * The file that `--policy` names; undefined for `auto` and where it is not given.
 * @throws {UsageError} where percents are given beside a file
 */
export function policyFileOf({ policy, percent }: Pick<GenerateFlags, 'policy' | 'percent'>): string | undefined {
  if (policy !== undefined && policy !== 'auto' && percent !== undefined) {
    throw new UsageError('--policy and --percent both say where things go: give one')
  }
  return policy === 'auto' ? undefined : policy
}

/** The policy of flags: the planner chooses percents and batch split where nothing says them. */
export function policyOfFlags(flags: PolicyFlags, saved: SavedPolicy | undefined): PolicyChoice {
  const { percent, gpuBatchSize, numGpuBatches, overlap, sepLayer, placement } = flags
  const { cpuCacheCompute, attnSparsity, compressWeight, compressCache } = flags
  const parts = {
    ...saved,
    ...(gpuBatchSize !== undefined && { gpuBatchSize }),
    ...(numGpuBatches !== undefined && { numGpuBatches }),
    ...(overlap !== undefined && { overlap }),
    ...(sepLayer !== undefined && { sepLayer }),
    ...(placement !== undefined && { placement }),
    ...(cpuCacheCompute !== undefined && { hostAttentionPercent: cpuCacheCompute ? 100 : 0 }),
    ...(attnSparsity !== undefined && { attentionSparsity: attnSparsity }),
    ...(compressWeight !== undefined && { compressWeight }),
    ...(compressCache !== undefined && { compressCache }),
  }
  if (percent !== undefined) return flags.policy === 'auto' ? { ...parts, percent, auto: true } : { ...parts, percent }
  // FlexGen's rounding makes other shares of what was planned.
  const isChosen = saved !== undefined || placement === 'flexgen'
  return isChosen ? parts : { ...parts, auto: true }
}
