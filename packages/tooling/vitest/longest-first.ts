import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * Starts the files that take longest first, so that no processor is left with one of them at the end. By names, since a fresh
 * clone has no times of a run before; what is not named comes after them as Vitest has it.
 */
const longest = [
  'core/test/native/placement-invariance',
  'cli/test/resume',
  'planner/test/engine-search',
  'flexgen/test/endurance',
  'docs-site/test/blocks',
  'backend-native/test/sanitizers',
  'tooling/test/packed/alone',
]

/** The place of a file in the order; files that are not named share the last. */
function placeOf({ moduleId }: TestSpecification): number {
  const place = longest.findIndex((name) => moduleId.endsWith(`/${name}.long.test.ts`))
  return place === -1 ? longest.length : place
}

/** Order of the long suites. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).toSorted((a, b) => placeOf(a) - placeOf(b))
  }
}
