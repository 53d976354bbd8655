import { FlexgenError, UsageError } from '@flexgen/spec'
import type { BenchOptions } from '../bench-options.ts'
import { type BenchCase, titleOf } from '../case/bench-case.ts'
import { parseCommand } from '../case/parse-command.ts'
import { sideOfFlexLlmGen } from '../compare/flexllmgen-side.ts'
import { casesOfSuite } from '../suites/find-suite.ts'
import { type Side, sideOfCase, sideOfCommand, splitTitle } from './side.ts'

/** What is to be measured, and how it is prepared. */
export interface SideList {
  readonly sides: readonly Side[]
  readonly warmUpTokens: number
}

/**
 * The sides that options ask for: a suite, commands, or where there is neither one case from the flags; foreign commands,
 * and the original.
 * @throws {UsageError} for an unknown suite, a command that cannot be read, or a case that the engine cannot do yet
 */
export function listSides(options: BenchOptions): SideList {
  const { suite, only, commands = [], against = [], compare } = options
  const theirs = compare === undefined ? [] : [sideOfFlexLlmGen(options.flags ?? {}, compare)]
  // The original has made-up weights and runs on CUDA.
  const flags = { ...(compare !== undefined && { path: '_DUMMY_', backend: 'onnxruntime-cuda' }), ...options.flags }
  if (only !== undefined && suite === undefined)
    throw new UsageError('--only chooses cases of a suite: give --suite too')
  const cases: BenchCase[] = suite === undefined ? [] : casesOfSuite(suite, flags, only)
  for (const given of commands) cases.push(caseOfCommand(given, flags))
  if (suite === undefined && commands.length === 0) cases.push(untitled(flags))
  const warmUpTokens = options.warmUpTokens ?? (against.length > 0 || cases.every(isSimulated) ? 0 : 1)
  const foreign = [...against.map(sideOfCommand), ...theirs]
  const sides = [...cases.map((each) => sideNaming(each, warmUpTokens)), ...foreign]
  return { sides: withDistinctTitles(sides), warmUpTokens }
}

function isSimulated({ flags }: BenchCase): boolean {
  return flags.simulate !== undefined
}

function caseOfCommand(given: string, common: BenchCase['flags']): BenchCase {
  const { title, command } = splitTitle(given)
  const own = parseCommand(command)
  const { percent: _, ...rest } = common
  // A policy of its own takes the place of common percents.
  const flags = own.policy === undefined ? { ...common, ...own } : { ...rest, ...own }
  return { title: title ?? titleOf(flags), flags }
}

function untitled(flags: BenchCase['flags']): BenchCase {
  return { title: titleOf(flags), flags }
}

function sideNaming(benchCase: BenchCase, warmUpTokens: number): Side {
  try {
    return sideOfCase(benchCase, warmUpTokens)
  } catch (error) {
    if (!FlexgenError.isInstance(error)) throw error
    throw new UsageError(`${benchCase.title}: ${error.message}`, { hint: error.hint, cause: error })
  }
}

function withDistinctTitles(sides: readonly Side[]): Side[] {
  const counts = new Map<string, number>()
  return sides.map((side) => {
    const count = (counts.get(side.title) ?? 0) + 1
    counts.set(side.title, count)
    return count === 1 ? side : { ...side, title: `${side.title} (${count})` }
  })
}
