import { describe, it } from 'vitest'
import { checkInvariance } from './check-invariance.ts'
import { enginesHere } from './engines-here.ts'

// Ten times as many in placement-invariance.long.test.ts.
describe.each(enginesHere)('placement invariance on TensorFlow.js %s', (engineName) => {
  it('gives the ids of everything on the device for 20 random policies, by the gap rule', () =>
    checkInvariance(engineName, 20))
})
