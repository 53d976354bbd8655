import { UsageError } from '@flexgen/spec'
import type { BenchCase } from '../case/bench-case.ts'
import type { CaseFlags } from '../case/case-flags.ts'
import { parseCommand } from '../case/parse-command.ts'
import { cudaSuite } from './cuda-suite.ts'
import { flexgenSuites } from './flexgen-suites.ts'
import { ownSuites } from './own-suites.ts'
import { replacementSuite } from './replacement-suite.ts'
import { seedSuite } from './seed-suite.ts'
import type { Suite } from './suite.ts'

/** Every suite that there is. */
export const suites: readonly Suite[] = [...ownSuites, ...flexgenSuites, seedSuite, replacementSuite, cudaSuite]

/**
 * The suite of a name, ours or FlexGen's.
 * @throws {UsageError} with the names there are
 */
export function findSuite(name: string): Suite {
  const suite = suites.find((each) => each.name === name || each.flexgenName === name)
  if (suite !== undefined) return suite
  throw new UsageError(`there is no suite '${name}'`, {
    hint: `one of: ${[...suites.map((each) => each.name), 'quality', 'kernels'].join(', ')}`,
  })
}

/**
 * The cases of a suite.
 * @param changes flags that count for every case, over its own
 * @param only keeps the cases whose title contains this text, or one of several between `|`, in any case
 * @throws {UsageError} for an unknown suite, or where `only` leaves nothing
 */
export function casesOfSuite(name: string, changes: CaseFlags = {}, only = ''): BenchCase[] {
  const suite = findSuite(name)
  const wanted = only.toLowerCase().split('|')
  const cases = suite.cases.filter(({ title }) => wanted.some((text) => title.toLowerCase().includes(text)))
  if (cases.length === 0) {
    throw new UsageError(`no case of suite ${suite.name} has '${only}' in its title`, {
      hint: suite.cases.map(({ title }) => title).join('; '),
    })
  }
  // A simulated machine has a backend of its own.
  const backend = changes.simulate === undefined && suite.backend !== undefined ? { backend: suite.backend } : {}
  return cases.map(({ title, command }) => ({
    title: withModel(title, changes.model),
    flags: { ...backend, ...parseCommand(command), ...changes },
  }))
}

/** A title that begins with a model begins with the one that is given instead. */
function withModel(title: string, model: string | undefined): string {
  return model === undefined ? title : title.replace(/^opt-[\w.]+(?=:)/, model.slice(model.lastIndexOf('/') + 1))
}
