// Writes schema/report.schema.json anew; run after a change of the report's form:
//   node --conditions=@flexgen/source apps/bench/scripts/write-schema.mjs && oxfmt apps/bench/schema
import { writeFileSync } from 'node:fs'
import { reportJsonSchema } from '../src/report/report-json-schema.ts'

const file = new URL('../schema/report.schema.json', import.meta.url)
writeFileSync(file, `${JSON.stringify(reportJsonSchema(), undefined, 2)}\n`)
