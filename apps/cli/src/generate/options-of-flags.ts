import { UsageError } from '@flexgen/spec'
import type { CreateEngineOptions, parseSize, ReplacementOptions, TextGenerationOptions } from 'flexgen'
import type { GenerateFlags } from './generate-flags.ts'
import { policyOfFlags, type SavedPolicy } from './policy-of-flags.ts'

/**
 * What `createEngine` is told by flags; model, prompts and listeners are the caller's.
 * @param saved what a file of `--policy` says, which flags go over
 * @throws {UsageError} for a size that is none
 */
export function engineOptionsOf(
  flags: GenerateFlags,
  toBytes: typeof parseSize,
  saved: SavedPolicy | undefined,
): CreateEngineOptions {
  const sizeOf = (size: string | undefined, flag: string): number | undefined =>
    size === undefined ? undefined : toBytes(size, flag)
  return {
    policy: policyOfFlags(flags, saved),
    hardware: flags.hardware,
    history: flags.history,
    backend: flags.backend,
    hostBackend: flags.hostBackend,
    api: flags.api,
    threads: flags.threads,
    dtype: flags.dtype,
    maxRam: sizeOf(flags.maxRam, '--max-ram'),
    maxDeviceMemory: sizeOf(flags.maxDeviceMemory, '--max-device-memory'),
    maxDisk: sizeOf(flags.maxDisk, '--max-disk'),
    offloadDir: flags.offloadDir,
    direct: flags.directIo,
    pinWeight: flags.pinWeight,
    replacement: replacementOf(flags),
  }
}

/** How placement follows the run; a file of budgets needs one that does. @throws {UsageError} */
function replacementOf({
  reallocateTiming,
  reallocateEvery,
  budgetFile,
}: GenerateFlags): ReplacementOptions | undefined {
  const timing = reallocateTiming ?? (budgetFile === undefined ? 0 : 3)
  if (timing > 3) throw new UsageError(`--reallocate-timing must be 0, 1, 2 or 3, not ${timing}`)
  if (budgetFile !== undefined && timing < 2) {
    throw new UsageError(`--budget-file and --reallocate-timing ${timing} do not go together: nothing moves in mid-run`)
  }
  if (reallocateEvery !== undefined && timing !== 3) {
    throw new UsageError('--reallocate-every has no meaning without --reallocate-timing 3')
  }
  return timing === 0 ? undefined : { timing: timing as ReplacementOptions['timing'], everyTokens: reallocateEvery }
}

/** Limit of each prompt: none is asked for where prompts are scored. */
export function newTokensOf({ maxNewTokens, score }: Pick<GenerateFlags, 'maxNewTokens' | 'score'>): number {
  return score === true ? 0 : maxNewTokens
}

/** What `generate` is told by flags. */
export function generationOptionsOf(flags: GenerateFlags): TextGenerationOptions {
  return {
    maxNewTokens: newTokensOf(flags),
    temperature: flags.temperature,
    topK: flags.topK,
    topP: flags.topP,
    seed: flags.seed,
    ignoreEos: flags.ignoreEos ?? false,
    stop: flags.stop,
    logProbs: flags.score === true ? 'all' : flags.logProbs,
    breakdown: flags.debugMode === 'breakdown',
    // Lines of a file are written as sequences finish; everything else is shown in the order of the prompts.
    resultOrder: flags.output === undefined ? 'request' : 'finish',
  }
}
