import { describe, it } from 'vitest'
import { checkBounds, checkNeverSlower, checkNothingMissed, checkWithinTiers } from './support/engine-properties.ts'

describe('the engine model, at length', () => {
  it('never gets slower with more memory or faster parts', () => checkNeverSlower(120))

  it('bounds what a split can reach from below', () => checkBounds(600))

  it('misses nothing faster among the layouts of a split', () => checkNothingMissed(600))

  it('plans within every tier, with shares that are whole percents', () => checkWithinTiers(60))
})
