import type { Scenario } from '@flexgen/backend-simulated'
import { readScenario } from './read-scenario.ts'

const gibibyte = 2 ** 30

/** What may happen to a run of so many sweeps. */
type NamedScenario = (sweeps: number) => Scenario

/** Ends of the first and of the second third of a run, in sweeps. */
const thirds = (sweeps: number): readonly [number, number] => [Math.floor(sweeps / 3), Math.floor((2 * sweeps) / 3)]

/** A budget of the device that shrinks for the middle third of a run. */
function shrunk(sweeps: number, [wide, narrow]: readonly [number, number]): Scenario {
  const [from, until] = thirds(sweeps)
  return {
    schemaVersion: 1,
    description: `another process takes ${wide - narrow} GiB of the device for the middle third of the run`,
    changes: [
      { atSweep: from, budget: 'device', bytes: narrow * gibibyte },
      { atSweep: until, budget: 'device', bytes: wide * gibibyte },
    ],
  }
}

/** What may happen to a run, by name. */
export const namedScenarios: Readonly<Record<string, NamedScenario>> = {
  'budget-38-14-38': (sweeps) => shrunk(sweeps, [38, 14]),
  'link-contention': (sweeps) => {
    const [from, until] = thirds(sweeps)
    return {
      schemaVersion: 1,
      description: 'another process takes half of the link for the middle third of the run',
      changes: [
        { atSweep: from, speed: 'hostToDevice', factor: 0.5 },
        { atSweep: until, speed: 'hostToDevice', factor: 1 },
      ],
    }
  },
  'link-slower': () => ({
    schemaVersion: 1,
    description: 'the link is 40 % slower than the profile says',
    changes: [{ atSweep: 0, speed: 'hostToDevice', factor: 0.6 }],
  }),
  'host-slower': () => ({
    schemaVersion: 1,
    description: 'attention on the host is 40 % slower than the profile says',
    changes: [{ atSweep: 0, speed: 'hostCompute', factor: 0.6 }],
  }),
  'long-tail': () => ({
    schemaVersion: 1,
    description: 'lengths of 16 to 512 tokens, most of them short',
    lengths: longTail(257, 16, 512),
  }),
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
 * A scenario by name, for a run of so many sweeps, or from a file.
 * @throws {FlexgenError} what `readScenario` throws
 */
export async function findScenario(nameOrFile: string, sweeps: number): Promise<Scenario> {
  return Object.hasOwn(namedScenarios, nameOrFile) ? namedScenarios[nameOrFile]!(sweeps) : readScenario(nameOrFile)
}
