import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { settleFastCheckSeed } from '../vitest/fast-check-seed.ts'

describe('the seed of property tests', () => {
  it('is the same for everybody who asks for no other', () => {
    const env = {}
    expect(settleFastCheckSeed(env)).toEqual({ seed: 20_230_731, isDrawn: false })
    expect(env).toEqual({ FLEXGEN_TEST_FC_SEED: '20230731' })
    expect(settleFastCheckSeed({ FLEXGEN_FC_SEED: '' }).seed).toBe(20_230_731)
  })

  it('is the number that is given', () => {
    const env = { FLEXGEN_FC_SEED: '-7', FLEXGEN_TEST_FC_SEED: '5' }
    expect(settleFastCheckSeed(env)).toEqual({ seed: -7, isDrawn: false })
    // The command line under test knows no such setting, and would refuse it.
    expect(env).toEqual({ FLEXGEN_TEST_FC_SEED: '-7' })
  })

  it('is drawn once for a run where it shall be random', () => {
    const env = { FLEXGEN_FC_SEED: 'random' }
    const { seed, isDrawn } = settleFastCheckSeed(env)
    expect(isDrawn).toBe(true)
    expect(settleFastCheckSeed(env)).toEqual({ seed, isDrawn: false })
    expect(settleFastCheckSeed({ FLEXGEN_FC_SEED: 'random' }).seed).not.toBe(seed)
  })

  it.each(['x', '1.5', 'Infinity'])('cannot be %s', (given) => {
    expect(() => settleFastCheckSeed({ FLEXGEN_FC_SEED: given })).toThrow(`not '${given}'`)
  })

  it('rules what fast-check draws in this very process', () => {
    expect(String(fc.readConfigureGlobal().seed)).toBe(process.env['FLEXGEN_TEST_FC_SEED'])
    expect(fc.sample(fc.nat(), 20)).toEqual(fc.sample(fc.nat(), 20))
  })
})
