import { defaultPercent } from '@flexgen/core'
import { UsageError } from '@flexgen/spec'
import { fileURLToPath } from 'node:url'
import type { CaseFlags } from '../case/case-flags.ts'
import { flagTable } from '../case/flag-table.ts'
import { quoteWord } from '../case/split-words.ts'
import type { Side } from '../run/side.ts'

/**
 * What the original's made-up weights are: `normal` values of deviation 0.02 as ours, or the `ones` that it makes by itself,
 * which a GPU at its power limit multiplies faster (an H100 at 795 TFLOP/s in float16, normal values at 648).
 */
export type FlexLlmGenWeights = 'normal' | 'ones'

/** Where the original is, what runs it, and with which weights. */
export interface FlexLlmGenPlace {
  /** A checkout of FlexLLMGen. */
  readonly folder: string
  /** Python with PyTorch; `python3` by default. */
  readonly python?: string | undefined
  /** Default `normal`. */
  readonly weights?: FlexLlmGenWeights | undefined
}

/** Runs a checkout without network. */
export const runnerPath: string = fileURLToPath(new URL('../../flexllmgen/run-flexllmgen.py', import.meta.url))

/** Flags of ours that the original does not have, and that would change what is compared. */
const foreign: readonly (keyof CaseFlags)[] = ['placement', 'reallocateTiming', 'dtype', 'throttleDisk', 'simulate']

/**
 * The original as a side: the same shapes, made-up weights and, where nothing else is said, the same policy.
 * @throws {UsageError} for flags that it cannot run with
 */
export function sideOfFlexLlmGen(
  flags: CaseFlags,
  { folder, python = 'python3', weights = 'normal' }: FlexLlmGenPlace,
): Side {
  const given = foreign.find((key) => flags[key] !== undefined)
  if (given !== undefined) {
    throw new UsageError(`--compare flexllmgen: the original has no --${flagTable[given].names[0]}`)
  }
  if (flags.policy !== undefined) {
    throw new UsageError('--compare flexllmgen needs --percent: the original has no --policy', {
      hint: "give --percent for both, and --command '--policy auto' for ours",
    })
  }
  const { gpuBatchSize = 4, numGpuBatches = 1, percent = defaultPercent } = flags
  const { numPrompts = gpuBatchSize * numGpuBatches } = flags
  if (numPrompts !== gpuBatchSize * numGpuBatches) {
    throw new UsageError('--compare flexllmgen: the original runs one block: leave --num-prompts out')
  }
  const words = [
    ['--weights', weights],
    ['--model', flags.model ?? 'facebook/opt-6.7b'],
    ['--path', '_DUMMY_'],
    ['--percent', ...percent],
    ['--gpu-batch-size', gpuBatchSize],
    ['--num-gpu-batches', numGpuBatches],
    ['--prompt-len', flags.promptLen ?? 512],
    ['--gen-len', flags.maxNewTokens ?? 32],
    ...(flags.cutGenLen === undefined ? [] : [['--cut-gen-len', flags.cutGenLen]]),
    ...(flags.debugMode === undefined ? [] : [['--debug-mode', flags.debugMode]]),
    ...(['overlap', 'sepLayer', 'pinWeight'] as const).flatMap((key) =>
      flags[key] === undefined ? [] : [[`--${flagTable[key].names[0]}`, flags[key] ? 'True' : 'False']],
    ),
    ...(['cpuCacheCompute', 'compressWeight', 'compressCache'] as const).flatMap((key) =>
      flags[key] === true ? [[`--${flagTable[key].names[0]}`]] : [],
    ),
    ...(flags.attnSparsity === undefined ? [] : [['--attn-sparsity', flags.attnSparsity]]),
    ...(flags.offloadDir === undefined ? [] : [['--offload-dir', flags.offloadDir]]),
    // The log is read from what it prints.
    ['--log-file', '/dev/null', '--verbose', 1],
  ]
  const command = [python, runnerPath, folder, ...words.flat()].map((word) => quoteWord(String(word))).join(' ')
  return { kind: 'command', title: weights === 'ones' ? 'FlexLLMGen on ones' : 'FlexLLMGen', command }
}
