// Writes api/NAME.api.md of every package; run it with `node packages/tooling/docs/write-api-reports.ts` after a change
// of what a package exports, and look at the difference: it is what users will notice.
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { root } from '../../../scripts/setup/paths.mjs'
import { createApiReports } from './api-reports.ts'

for (const { file, text } of createApiReports()) {
  const full = path.join(root, file)
  mkdirSync(path.dirname(full), { recursive: true })
  writeFileSync(full, text)
}
