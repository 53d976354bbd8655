// Writes docs/guides/errors.md; run it with `node packages/tooling/docs/write-errors-guide.ts` after a change of codes.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { errorsGuide } from './errors-guide.ts'

writeFileSync(path.resolve(import.meta.dirname, '../../../docs/guides/errors.md'), errorsGuide())
