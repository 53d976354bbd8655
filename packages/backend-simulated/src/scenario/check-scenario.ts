import { UsageError } from '@flexgen/spec'
import type { Scenario, ScenarioLengths } from './scenario.ts'

/** @throws {UsageError} for a number that no simulation can work with */
export function checkScenario({ noise, changes = [], lengths, tokenSeed = 0 }: Scenario): void {
  if (noise !== undefined) {
    check('noise.spread', noise.spread, noise.spread >= 0 && noise.spread < 1, 'from 0 to below 1')
    checkSeed('noise.seed', noise.seed ?? 0)
  }
  checkSeed('tokenSeed', tokenSeed)
  for (const [i, change] of changes.entries()) {
    const { atSeconds, atSweep } = change
    if (atSeconds !== undefined) {
      check(`changes.${i}.atSeconds`, atSeconds, atSeconds >= 0 && Number.isFinite(atSeconds), '0 or above')
    } else check(`changes.${i}.atSweep`, atSweep, Number.isSafeInteger(atSweep) && atSweep >= 0, 'a whole number')
    if ('speed' in change) {
      const { factor } = change
      check(`changes.${i}.factor`, factor, factor > 0 && Number.isFinite(factor), 'above 0')
    } else check(`changes.${i}.bytes`, change.bytes, change.bytes >= 0, '0 or above')
  }
  if (lengths !== undefined) checkLengths(lengths)
}

function checkLengths(lengths: ScenarioLengths): void {
  const isLength = (value: number): boolean => Number.isSafeInteger(value) && value >= 1
  if (!('least' in lengths)) {
    check('lengths', lengths.length, lengths.length > 0, 'a list with an entry at least')
    for (const [i, length] of lengths.entries())
      check(`lengths.${i}`, length, isLength(length), 'a whole number above 0')
    return
  }
  const { least, most, seed = 0 } = lengths
  check('lengths.least', least, isLength(least), 'a whole number above 0')
  check('lengths.most', most, isLength(most) && most >= least, 'a whole number of lengths.least or above')
  checkSeed('lengths.seed', seed)
}

function checkSeed(what: string, seed: number): void {
  check(what, seed, Number.isSafeInteger(seed) && seed >= 0, 'a whole number of 0 or above')
}

function check(what: string, value: number, isRight: boolean, wanted: string): void {
  if (!isRight) throw new UsageError(`scenario: ${what} must be ${wanted}, got ${value}`)
}
