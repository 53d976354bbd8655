// Writes the schemas of the reports and of scenarios anew; run after a change of their form:
//   node --conditions=@flexgen/source apps/bench/scripts/write-schema.mjs && oxfmt apps/bench/schema
import { writeFileSync } from 'node:fs'
import { kernelJsonSchema, qualityJsonSchema, reportJsonSchema } from '../src/report/report-json-schema.ts'
import { scenarioJsonSchema } from '../src/simulate/scenario-json-schema.ts'

const schemas = {
  report: reportJsonSchema(),
  'quality-report': qualityJsonSchema(),
  'kernel-report': kernelJsonSchema(),
  scenario: scenarioJsonSchema(),
}
for (const [name, schema] of Object.entries(schemas)) {
  writeFileSync(new URL(`../schema/${name}.schema.json`, import.meta.url), `${JSON.stringify(schema, undefined, 2)}\n`)
}
