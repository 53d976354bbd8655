import { describe, it } from 'vitest'
import { checkBounds, checkNeverSlower, checkLeastSeconds, checkWithinTiers } from './support/engine-properties.ts'

describe('the engine model, at length', () => {
  it('never gets slower with more memory or faster parts', () => checkNeverSlower(120))

  it('bounds what a split can reach from below', () => checkBounds(600))

  it('bounds what a layout takes from below', () => checkLeastSeconds(600))

  it('plans within every tier, with shares that are whole percents', () => checkWithinTiers(60))
})
