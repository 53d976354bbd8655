import type { Scenario } from '@flexgen/backend-simulated'
import { parseFile } from '@flexgen/planner'
import { readJsonFile } from './read-json-file.ts'
import { scenarioSchema } from './scenario-schema.ts'

/**
 * A checked scenario.
 * @throws {FlexgenError} `FILE_NOT_FOUND`, `CORRUPT_DATA` with the fields that are wrong, or `UNSUPPORTED_DATA` for
 * another schema version
 */
export async function readScenario(file: string): Promise<Scenario> {
  return parseScenario(await readJsonFile(file, 'scenario'), file)
}

/** A scenario from parsed JSON; `origin` is where it is from, for messages. */
export function parseScenario(value: unknown, origin: string): Scenario {
  return parseFile(scenarioSchema, value, {
    title: 'scenario',
    origin,
    remedy: 'correct the file; see docs/simulation.md',
  })
}
