import { z } from 'zod'
import { kernelReportSchema } from '../kernels/kernel-report.ts'
import { qualityReportSchema } from '../quality/quality-report.ts'
import { benchReportSchema } from './bench-report.ts'

/** The form of `report.json` as JSON Schema (draft 2020-12); schema/report.schema.json is this. */
export function reportJsonSchema(): Record<string, unknown> {
  // Schemas of several places stand once, under the names that they have here.
  return { ...z.toJSONSchema(benchReportSchema, { io: 'input' }) }
}

/** The form of the suite quality's `report.json`; schema/quality-report.schema.json is this. */
export function qualityJsonSchema(): Record<string, unknown> {
  return { ...z.toJSONSchema(qualityReportSchema, { io: 'input' }) }
}

/** The form of the suite kernels' `report.json`; schema/kernel-report.schema.json is this. */
export function kernelJsonSchema(): Record<string, unknown> {
  return { ...z.toJSONSchema(kernelReportSchema, { io: 'input' }) }
}
