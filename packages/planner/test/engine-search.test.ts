import { describe, it } from 'vitest'
import { checkBounds, checkNeverSlower, checkWithinTiers } from './support/engine-properties.ts'

// Many more in engine-search.long.test.ts.
describe('the engine model', () => {
  it('never gets slower with more memory or faster parts', () => checkNeverSlower(15))

  it('bounds what a split can reach from below', () => checkBounds(60))

  it('plans within every tier, with shares that are whole percents', () => checkWithinTiers(6))
})
