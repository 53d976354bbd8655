import { createPolicy, defaultPercent, type PolicyOptions } from '@flexgen/core'
import { type DType, UsageError } from '@flexgen/spec'
import { parseSize } from 'flexgen'
import { leastCutTokens } from '../formulas/projection.ts'
import type { CaseFlags } from './case-flags.ts'
import { checkSupported } from './check-supported.ts'
import { flagTable } from './flag-table.ts'

/** A policy with FlexGen's flags filled in. */
export type CasePolicy = Omit<PolicyOptions, 'placement'> &
  Required<Pick<PolicyOptions, 'percent' | 'gpuBatchSize' | 'numGpuBatches' | 'overlap' | 'sepLayer'>>

/** A case with every default filled in, checked; plain data that is handed to the process that runs it. */
export interface CaseSettings {
  readonly model: string
  readonly path: string
  readonly offloadDir?: string | undefined
  readonly policy: CasePolicy
  /** Prompts of the whole run. */
  readonly numPrompts: number
  readonly promptLen: number
  readonly genLen: number
  /** Tokens after which the run is cut and projected. */
  readonly cutGenLen?: number | undefined
  readonly debugMode?: 'fewer_batch' | 'breakdown' | undefined
  readonly cpuCacheCompute: boolean
  readonly pinWeight: boolean
  readonly backend: string
  readonly api?: 'auto' | 'c' | 'js' | undefined
  readonly threads?: number | undefined
  readonly dtype?: DType | undefined
  readonly seed: number
  readonly direct: boolean
  readonly maxRam?: string | undefined
  readonly maxDeviceMemory?: string | undefined
  readonly maxDisk?: string | undefined
  /** Tokens that are generated before the measured run, in the same process; FlexGen's warm-up is 1. */
  readonly warmUpTokens: number
}

/**
 * Fills in FlexGen's defaults and checks what can be checked without a model.
 * @throws {UsageError} for what the engine cannot do yet, and for values that do not go together
 */
export function settingsOf(flags: CaseFlags, warmUpTokens = 1): CaseSettings {
  checkSupported(flags)
  const { percent = defaultPercent, gpuBatchSize = 4, numGpuBatches = 1, sepLayer = true, debugMode } = flags
  // Breakdown is the schedule without overlap, so that each task has a time of its own.
  const overlap = debugMode !== 'breakdown' && flags.overlap !== false
  const { attnSparsity, compressWeight, compressCache, cpuCacheCompute = false } = flags
  const policy = {
    percent,
    gpuBatchSize,
    numGpuBatches,
    overlap,
    sepLayer,
    ...(attnSparsity !== undefined && attnSparsity !== 1 && { attentionSparsity: attnSparsity }),
    ...(compressWeight === true && { compressWeight }),
    ...(compressCache === true && { compressCache }),
    ...(cpuCacheCompute && { hostAttentionPercent: 100 }),
  }
  createPolicy(policy)
  for (const flag of ['maxRam', 'maxDeviceMemory', 'maxDisk'] as const) {
    if (flags[flag] !== undefined) parseSize(flags[flag], `--${flagTable[flag].names[0]}`)
  }
  const { numPrompts = gpuBatchSize * numGpuBatches, promptLen = 512, maxNewTokens: genLen = 32 } = flags
  checkProjection(flags, { numPrompts, genLen, blockPrompts: gpuBatchSize * numGpuBatches })
  return {
    model: flags.model ?? 'facebook/opt-6.7b',
    path: flags.path ?? '~/opt_weights',
    offloadDir: flags.offloadDir,
    policy,
    numPrompts,
    promptLen,
    genLen,
    cutGenLen: flags.cutGenLen,
    debugMode,
    cpuCacheCompute,
    pinWeight: flags.pinWeight ?? true,
    backend: flags.backend ?? 'auto',
    api: flags.api,
    threads: flags.threads,
    dtype: flags.dtype,
    seed: flags.seed ?? 0,
    direct: flags.directIo ?? false,
    maxRam: flags.maxRam,
    maxDeviceMemory: flags.maxDeviceMemory,
    maxDisk: flags.maxDisk,
    warmUpTokens,
  }
}

interface Amounts {
  readonly numPrompts: number
  readonly genLen: number
  readonly blockPrompts: number
}

function checkProjection({ cutGenLen, debugMode }: CaseFlags, { numPrompts, genLen, blockPrompts }: Amounts): void {
  const isFewer = debugMode === 'fewer_batch'
  if (cutGenLen !== undefined && isFewer) {
    throw new UsageError('--cut-gen-len and --debug-mode fewer_batch are two ways to cut a run: give one')
  }
  if (cutGenLen !== undefined && (cutGenLen < leastCutTokens || cutGenLen > genLen)) {
    throw new UsageError(
      `--cut-gen-len ${cutGenLen} must be at least ${leastCutTokens} and at most --gen-len ${genLen}`,
    )
  }
  if (isFewer && genLen < 2)
    throw new UsageError('--debug-mode fewer_batch needs a --gen-len above 1: it measures decode')
  if ((cutGenLen !== undefined || isFewer) && numPrompts > blockPrompts) {
    throw new UsageError(
      `${isFewer ? '--debug-mode fewer_batch' : '--cut-gen-len'} projects one block: --num-prompts ${numPrompts} needs more than one of ${blockPrompts} prompts`,
    )
  }
}
