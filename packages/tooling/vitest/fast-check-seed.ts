import { randomInt } from 'node:crypto'

/** Of every run that asks for no other: what CI sees, everybody sees. */
const usual = 20_230_731

/**
 * Seed of all property tests and fuzz campaigns of a run, as `FLEXGEN_FC_SEED` wants it: a whole number, or `random` for one
 * that is drawn. It goes on to the processes of the tests as `FLEXGEN_TEST_FC_SEED`, a name that the command line under test
 * does not take for a setting.
 * @returns the seed, and whether it was drawn
 */
export function settleFastCheckSeed(env: NodeJS.ProcessEnv): { readonly seed: number; readonly isDrawn: boolean } {
  const given = env['FLEXGEN_FC_SEED'] || env['FLEXGEN_TEST_FC_SEED'] || String(usual)
  const isDrawn = given === 'random'
  const seed = isDrawn ? randomInt(2 ** 31) : Number(given)
  if (!Number.isSafeInteger(seed)) throw new RangeError(`FLEXGEN_FC_SEED is a whole number or 'random', not '${given}'`)
  delete env['FLEXGEN_FC_SEED']
  env['FLEXGEN_TEST_FC_SEED'] = String(seed)
  return { seed, isDrawn }
}
