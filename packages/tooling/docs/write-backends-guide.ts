// Writes docs/backends.md; run it with `node --conditions=@flexgen/source packages/tooling/docs/write-backends-guide.ts`
// after a change of what a backend declares, or of its known gaps.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { backendsGuide } from './backends-guide.ts'

writeFileSync(path.resolve(import.meta.dirname, '../../../docs/backends.md'), backendsGuide())
