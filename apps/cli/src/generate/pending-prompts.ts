import { UsageError } from '@flexgen/spec'
import type { EncodedPrompt } from 'flexgen'
import type { OutputLine } from './output-record.ts'

/** A prompt that is still to be done, under the index that it has among all. */
export interface PendingPrompt extends EncodedPrompt {
  /** Also what its samples are keyed by, so that a resumed run draws what an undisturbed one draws. */
  readonly sampleKey: number
}

/**
 * The prompts that have no line yet.
 * @throws {UsageError} where a line is not of these prompts, or there are two of one
 */
export function pendingPrompts(
  prompts: readonly EncodedPrompt[],
  lines: readonly OutputLine[],
  output: string | undefined,
): PendingPrompt[] {
  const done = new Set<number>()
  for (const { index, promptIds } of lines) {
    if (done.has(index) || String(prompts[index]?.promptIds) !== String(promptIds)) {
      throw new UsageError(`--resume: ${output} has results of other prompts (index ${index})`, {
        hint: 'give the same prompts in the same order, or another --output',
      })
    }
    done.add(index)
  }
  return prompts.map((prompt, sampleKey) => ({ ...prompt, sampleKey })).filter(({ sampleKey }) => !done.has(sampleKey))
}
