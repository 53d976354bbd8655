import { join } from 'node:path'
import { NotFoundError } from '@flexgen/spec'
import { fixtureNames, type FixtureName } from './fixture-names.ts'
import { type FixtureResults, readResults } from './read-results.ts'

/** A tiny checkpoint with its expected results. */
export interface OptFixture extends FixtureResults {
  readonly name: FixtureName
  /** Absolute path of the checkpoint's folder. */
  readonly folder: string
  readonly description: string
}

/**
 * Reads a fixture.
 * @throws {NotFoundError} `FILE_NOT_FOUND` for an unknown name
 */
export function loadFixture(name: FixtureName): OptFixture {
  if (!fixtureNames.includes(name)) throw new NotFoundError('FILE_NOT_FOUND', `there is no OPT fixture ${String(name)}`)
  const folder = join(import.meta.dirname, '..', 'fixtures', name)
  const { description = '', ...results } = readResults(folder, 'expected')
  return { name, folder, description, ...results }
}
