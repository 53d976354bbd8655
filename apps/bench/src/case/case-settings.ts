import { createPolicy, defaultPercent, type PolicyOptions, type ReplacementOptions } from '@flexgen/core'
import { type DType, UsageError } from '@flexgen/spec'
import { parseSize, replacementOf } from 'flexgen'
import { leastCutTokens } from '../formulas/projection.ts'
import { checkSimulated } from '../simulate/check-simulated.ts'
import type { CaseFlags } from './case-flags.ts'
import { checkTogether } from './check-together.ts'
import { flagTable } from './flag-table.ts'

/** A policy with FlexGen's flags filled in. */
export type CasePolicy = PolicyOptions &
  Required<Pick<PolicyOptions, 'percent' | 'gpuBatchSize' | 'numGpuBatches' | 'overlap' | 'sepLayer'>>

/** What of a policy is not said by flags. */
export interface CaseChoice {
  /** A file that says it; the planner where absent. */
  readonly file?: string | undefined
  /** What flags say all the same. */
  readonly gpuBatchSize?: number | undefined
  readonly numGpuBatches?: number | undefined
  readonly numPrompts?: number | undefined
  readonly percent?: readonly number[] | undefined
}

/** A case with every default filled in, checked; plain data that is handed to the process that runs it. */
export interface CaseSettings {
  readonly model: string
  readonly path: string
  readonly offloadDir?: string | undefined
  readonly policy: CasePolicy
  /** Where something is left to the planner or a file: FlexGen's defaults stand in until then. */
  readonly choice?: CaseChoice | undefined
  readonly hardware?: string | undefined
  readonly history?: boolean | undefined
  /** Prompts of the whole run. */
  readonly numPrompts: number
  readonly promptLen: number
  readonly genLen: number
  /** Tokens after which the run is cut and projected. */
  readonly cutGenLen?: number | undefined
  readonly debugMode?: 'fewer_batch' | 'breakdown' | undefined
  /** Absent where placement does not change. */
  readonly replacement?: ReplacementOptions | undefined
  /** False where blocks follow each other whole. */
  readonly refill?: false
  readonly cpuCacheCompute: boolean
  readonly pinWeight: boolean
  readonly backend: string
  readonly hostBackend?: string | undefined
  readonly api?: 'auto' | 'c' | 'js' | undefined
  readonly threads?: number | undefined
  readonly dtype?: DType | undefined
  readonly seed: number
  readonly direct: boolean
  /** Most bytes a second that the disk gives and takes. */
  readonly diskBytesPerSecond?: number | undefined
  readonly maxRam?: string | undefined
  readonly maxDeviceMemory?: string | undefined
  readonly maxDisk?: string | undefined
  /** Tokens that are generated before the measured run, in the same process; FlexGen's warm-up is 1. */
  readonly warmUpTokens: number
  /** Positions of a KV page on disk; no flag. */
  readonly pagePositions?: number | undefined
  /** Hardware profile of the machine that is simulated; absent for this machine. */
  readonly simulate?: string | undefined
  readonly scenario?: string | undefined
}

/**
 * Fills in FlexGen's defaults and checks what can be checked without a model.
 * @throws {UsageError} for what the engine cannot do yet, and for values that do not go together
 */
export function settingsOf(flags: CaseFlags, warmUpTokens = 1): CaseSettings {
  checkSimulated(flags)
  const { percent = defaultPercent, gpuBatchSize = 4, numGpuBatches = 1, sepLayer = true, debugMode } = flags
  // A breakdown runs every step alone, so that each task has a time of its own.
  const overlap = debugMode !== 'breakdown' && flags.overlap !== false
  const { attnSparsity, compressWeight, compressCache, cpuCacheCompute = false, placement } = flags
  const policy = {
    percent,
    gpuBatchSize,
    numGpuBatches,
    overlap,
    sepLayer,
    ...(placement !== undefined && placement !== 'exact' && { placement }),
    ...(attnSparsity !== undefined && attnSparsity !== 1 && { attentionSparsity: attnSparsity }),
    ...(compressWeight === true && { compressWeight }),
    ...(compressCache === true && { compressCache }),
    ...(flags.cpuCacheCompute !== undefined && { hostAttentionPercent: cpuCacheCompute ? 100 : 0 }),
  }
  checkTogether(flags, createPolicy(policy))
  for (const flag of ['maxRam', 'maxDeviceMemory', 'maxDisk'] as const) {
    if (flags[flag] !== undefined) parseSize(flags[flag], `--${flagTable[flag].names[0]}`)
  }
  const { numPrompts = gpuBatchSize * numGpuBatches, promptLen = 512, maxNewTokens: genLen = 32 } = flags
  const blockPrompts = choiceOf(flags) === undefined ? gpuBatchSize * numGpuBatches : numPrompts
  checkProjection(flags, { numPrompts, genLen, blockPrompts })
  return {
    model: flags.model ?? 'facebook/opt-6.7b',
    path: flags.path ?? '~/opt_weights',
    offloadDir: flags.offloadDir,
    policy,
    choice: choiceOf(flags),
    hardware: flags.hardware,
    history: flags.history,
    numPrompts,
    promptLen,
    genLen,
    cutGenLen: flags.cutGenLen,
    debugMode,
    replacement: replacementOf(flags),
    ...(flags.refill === false && { refill: false }),
    cpuCacheCompute,
    pinWeight: flags.pinWeight ?? true,
    backend: flags.backend ?? 'auto',
    hostBackend: flags.hostBackend,
    api: flags.api,
    threads: flags.threads,
    dtype: flags.dtype,
    seed: flags.seed ?? 0,
    direct: flags.directIo ?? false,
    ...(flags.throttleDisk !== undefined && { diskBytesPerSecond: bandwidthOf(flags.throttleDisk) }),
    maxRam: flags.maxRam,
    maxDeviceMemory: flags.maxDeviceMemory,
    maxDisk: flags.maxDisk,
    warmUpTokens,
    simulate: flags.simulate,
    scenario: flags.scenario,
  }
}

/**
 * What is left to the planner or a file. With FlexGen's rounding of percents, FlexGen's own defaults stay.
 * @throws {UsageError} where a policy and percents are given
 */
function choiceOf(flags: CaseFlags): CaseChoice | undefined {
  const { policy, percent, placement, gpuBatchSize, numGpuBatches, numPrompts } = flags
  if (percent !== undefined && policy !== 'auto') {
    if (policy === undefined) return undefined
    throw new UsageError('--policy and --percent both say where things go: give one')
  }
  if (policy === undefined && placement === 'flexgen') return undefined
  return { ...(policy !== 'auto' && { file: policy }), percent, gpuBatchSize, numGpuBatches, numPrompts }
}

/** Bytes a second of `500MB/s`. */
function bandwidthOf(text: string): number {
  const bytes = parseSize(text.replace(/\/s$/, ''), '--throttle-disk')
  if (bytes === 0) throw new UsageError('--throttle-disk must be above 0')
  return bytes
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
  checkOneBlock({ cutGenLen, debugMode, numPrompts }, blockPrompts)
}

/**
 * Refuses to project what more than one block would do; where the planner cuts the batches, that is known late.
 * @throws {UsageError} naming the flag that projects
 */
export function checkOneBlock(
  { cutGenLen, debugMode, numPrompts }: Pick<CaseSettings, 'cutGenLen' | 'debugMode' | 'numPrompts'>,
  blockPrompts: number,
): void {
  const isFewer = debugMode === 'fewer_batch'
  if ((cutGenLen === undefined && !isFewer) || numPrompts <= blockPrompts) return
  throw new UsageError(
    `${isFewer ? '--debug-mode fewer_batch' : '--cut-gen-len'} projects one block: --num-prompts ${numPrompts} needs more than one of ${blockPrompts} prompts`,
  )
}
