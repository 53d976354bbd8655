import { describe, it } from 'vitest'
import {
  checkBounds,
  checkLoadsThroughLittleRam,
  checkNeverSlower,
  checkLeastSeconds,
  checkWithinTiers,
} from './support/engine-properties.ts'

// Many more in engine-search.long.test.ts.
describe('the engine model', () => {
  it('never gets slower with more memory or faster parts', () => checkNeverSlower(15))

  it('takes no more weights to a large device than a small RAM can load', () => checkLoadsThroughLittleRam())

  it('bounds what a split can reach from below', () => checkBounds(60))

  it('bounds what a layout takes from below', () => checkLeastSeconds(30))

  it('plans within every tier, with shares that are whole percents', () => checkWithinTiers(6))
})
