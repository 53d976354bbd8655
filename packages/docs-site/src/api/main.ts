// Writes docs/api, which is not committed; `npm run docs:build` and `docs:dev` do so first.
import path from 'node:path'
import { root } from '../pages.ts'
import { writeApi } from './write-api.ts'

await writeApi(path.join(root, 'docs/api'))
