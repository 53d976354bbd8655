import { join } from 'node:path'
import { NotFoundError } from '@flexgen/spec'
import { type FixtureResults, readResults } from './read-results.ts'

/** Checkpoints with results on weights of 4 bits, and in which form of groups. */
export const compressedFixtures = [
  ['four-bit', 'flexgen'],
  ['four-bit', 'inputs'],
  ['head-dim-80', 'flexgen'],
  ['head-dim-80', 'inputs'],
  ['post-norm', 'flexgen'],
  ['untied', 'flexgen'],
  ['bfloat16', 'inputs'],
] as const

/** A tiny checkpoint of plain weights, and what transformers computes once they were quantised and widened again. */
export interface CompressedFixture extends FixtureResults {
  /** Absolute path of the checkpoint's folder. */
  readonly folder: string
}

/**
 * Reads the results of one of `compressedFixtures`.
 * @throws {NotFoundError} `FILE_NOT_FOUND` for another pair
 */
export function loadCompressedFixture(name: string, form: string): CompressedFixture {
  if (!compressedFixtures.some(([each, itsForm]) => each === name && itsForm === form))
    throw new NotFoundError('FILE_NOT_FOUND', `there is no OPT fixture ${name} with weights of 4 bits, ${form}`)
  const folder = join(import.meta.dirname, '..', 'fixtures', name)
  return { folder, ...readResults(folder, `expected-${form}`) }
}
