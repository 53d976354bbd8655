import { UsageError } from '@flexgen/spec'
import type { CreateEngineOptions, parseSize, ReplacementFlags, replacementOf, TextGenerationOptions } from 'flexgen'
import type { GenerateFlags } from './generate-flags.ts'
import { policyOfFlags, type SavedPolicy } from './policy-of-flags.ts'

/** What reads flags; it comes with the package that is loaded late. */
export interface FlagReaders {
  readonly parseSize: typeof parseSize
  readonly replacementOf: typeof replacementOf
}

/**
 * What `createEngine` is told by flags; model, prompts and listeners are the caller's.
 * @param saved what a file of `--policy` says, which flags go over
 * @throws {UsageError} for a size that is none
 */
export function engineOptionsOf(
  flags: GenerateFlags,
  readers: FlagReaders,
  saved: SavedPolicy | undefined,
): CreateEngineOptions {
  const sizeOf = (size: string | undefined, flag: string): number | undefined =>
    size === undefined ? undefined : readers.parseSize(size, flag)
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
    replacement: readers.replacementOf(replacementFlagsOf(flags)),
  }
}

/** How placement follows the run; a file of budgets needs one that does. @throws {UsageError} */
function replacementFlagsOf({ budgetFile, reallocateEvery, ...flags }: GenerateFlags): ReplacementFlags {
  const reallocateTiming = flags.reallocateTiming ?? (budgetFile === undefined ? 0 : 3)
  if (budgetFile !== undefined && reallocateTiming < 2) {
    throw new UsageError(
      `--budget-file and --reallocate-timing ${reallocateTiming} do not go together: nothing moves in mid-run`,
    )
  }
  return { reallocateTiming, reallocateEvery }
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
