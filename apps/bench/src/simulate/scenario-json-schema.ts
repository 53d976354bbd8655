import { z } from 'zod'
import { scenarioSchema } from './scenario-schema.ts'

/** The form of a scenario file as JSON Schema (draft 2020-12); schema/scenario.schema.json is this. */
export function scenarioJsonSchema(): Record<string, unknown> {
  return { ...z.toJSONSchema(scenarioSchema, { io: 'input' }) }
}
