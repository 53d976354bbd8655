import { UsageError } from '@flexgen/spec'
import type { CaseFlags } from './case-flags.ts'

interface Missing {
  readonly flag: string
  readonly isAsked: (flags: CaseFlags) => boolean
}

/** What the engine cannot do yet; a line goes when the engine can. */
const missing: readonly Missing[] = [
  { flag: '--reallocate-timing', isAsked: ({ reallocateTiming = 0 }) => reallocateTiming !== 0 },
]

/**
 * Refuses flags that the engine cannot honour, rather than to measure something else.
 * @throws {UsageError} naming the first
 */
export function checkSupported(flags: CaseFlags): void {
  const found = missing.find(({ isAsked }) => isAsked(flags))
  if (found !== undefined) {
    throw new UsageError(`${found.flag} is not there yet`, {
      hint: 'leave it out, or choose other cases of a suite with --only',
    })
  }
}
