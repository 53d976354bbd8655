import { describe, expect, it } from 'vitest'
import { checkScenario } from './check-scenario.ts'
import type { Scenario } from './scenario.ts'

const change = (fields: object): Partial<Scenario> => ({ changes: [fields] as unknown as Scenario['changes'] & {} })

describe('checkScenario', () => {
  it.each<[Partial<Scenario>, string]>([
    [{ noise: { spread: 1 } }, 'noise.spread must be from 0 to below 1, got 1'],
    [{ noise: { spread: Number.NaN } }, 'noise.spread'],
    [{ noise: { spread: 0.1, seed: -1 } }, 'noise.seed must be a whole number of 0 or above, got -1'],
    [{ tokenSeed: 0.5 }, 'tokenSeed'],
    [change({ atSeconds: -1, speed: 'diskRead', factor: 1 }), 'changes.0.atSeconds must be 0 or above, got -1'],
    [change({ atSeconds: 1, speed: 'diskRead', factor: 0 }), 'changes.0.factor must be above 0, got 0'],
    [change({ atSeconds: 1, budget: 'ram', bytes: -5 }), 'changes.0.bytes must be 0 or above, got -5'],
    [{ lengths: [] }, 'lengths must be a list with an entry at least'],
    [{ lengths: [4, 0] }, 'lengths.1 must be a whole number above 0, got 0'],
    [{ lengths: { least: 3, most: 2 } }, 'lengths.most must be a whole number of lengths.least or above, got 2'],
  ])('refuses %j', (fields, message) => {
    expect(() => checkScenario({ schemaVersion: 1, ...fields })).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(`scenario: ${message}`) }),
    )
  })

  it('takes an empty one and a full one', () => {
    expect(() => checkScenario({ schemaVersion: 1 })).not.toThrow()
    expect(() =>
      checkScenario({
        schemaVersion: 1,
        noise: { spread: 0.1, seed: 3 },
        changes: [
          { atSeconds: 0, speed: 'hostCompute', factor: 0.5 },
          { atSeconds: 2.5, budget: 'device', bytes: 0 },
        ],
        lengths: { least: 1, most: 9 },
        tokenSeed: 4,
        diskWay: 'cached',
      }),
    ).not.toThrow()
  })
})
