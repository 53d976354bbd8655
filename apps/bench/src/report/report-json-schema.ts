import { z } from 'zod'
import { benchReportSchema } from './bench-report.ts'

/** The form of `report.json` as JSON Schema (draft 2020-12); schema/report.schema.json is this. */
export function reportJsonSchema(): Record<string, unknown> {
  // Schemas of several places stand once, under the names that they have here.
  return { ...z.toJSONSchema(benchReportSchema, { io: 'input' }) }
}
