// Writes the files of the examples into the blocks of their guides: run it with
// `node packages/tooling/docs/write-guides.ts` after a change of an example.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { guides, guideWithFiles, root } from './guides.ts'

for (const guide of guides) writeFileSync(path.join(root, guide.page), guideWithFiles(guide))
