import type { Scenario } from '@flexgen/backend-simulated'
import { readScenario } from './read-scenario.ts'

const gibibyte = 2 ** 30

/** A budget of the device that shrinks for a part of the run, in sweeps. */
function shrunk(from: number, until: number, [wide, narrow]: readonly [number, number]): Scenario {
  return {
    schemaVersion: 1,
    changes: [
      { atSweep: from, budget: 'device', bytes: narrow * gibibyte },
      { atSweep: until, budget: 'device', bytes: wide * gibibyte },
    ],
  }
}

/** What may happen to a run, by name. */
export const namedScenarios: Readonly<Record<string, Scenario>> = {
  'budget-38-14-38': {
    ...shrunk(170, 341, [38, 14]),
    description: 'another process takes 24 GiB for a third of 512 sweeps',
  },
  'link-contention': {
    schemaVersion: 1,
    description: 'another process takes half of the link for the middle third of 900 sweeps',
    changes: [
      { atSweep: 300, speed: 'hostToDevice', factor: 0.5 },
      { atSweep: 600, speed: 'hostToDevice', factor: 1 },
    ],
  },
  'link-slower': {
    schemaVersion: 1,
    description: 'the link is 40 % slower than the profile says',
    changes: [{ atSweep: 0, speed: 'hostToDevice', factor: 0.6 }],
  },
  'host-slower': {
    schemaVersion: 1,
    description: 'attention on the host is 40 % slower than the profile says',
    changes: [{ atSweep: 0, speed: 'hostCompute', factor: 0.6 }],
  },
  'long-tail': {
    schemaVersion: 1,
    description: 'lengths of 16 to 512 tokens, most of them short',
    lengths: longTail(257, 16, 512),
  },
}

/** Lengths of which half are below twice the least: 1 / u, cut off. */
function longTail(count: number, least: number, most: number): number[] {
  return Array.from({ length: count }, (_, i) => {
    // Evenly spread fractions in an order that looks like none (the golden ratio).
    const fraction = (i * 0.618033988749895) % 1
    return Math.min(most, Math.round(least / Math.max(least / most, 1 - fraction)))
  })
}

/**
 * A scenario by name, or from a file.
 * @throws {FlexgenError} what `readScenario` throws
 */
export async function findScenario(nameOrFile: string): Promise<Scenario> {
  return Object.hasOwn(namedScenarios, nameOrFile) ? namedScenarios[nameOrFile]! : readScenario(nameOrFile)
}
