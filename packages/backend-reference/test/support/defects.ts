import type { Defect } from './broken-backend.ts'
import { attention } from './defects/attention.ts'
import { computing } from './defects/computing.ts'
import { counting } from './defects/counting.ts'
import { declaring } from './defects/declaring.ts'
import { living } from './defects/living.ts'
import { ordering } from './defects/ordering.ts'
import { refusing } from './defects/refusing.ts'

/** What can be wrong with a backend: every test of the kit catches one of these. */
export const defects: readonly Defect[] = [
  ...computing,
  ...attention,
  ...declaring,
  ...ordering,
  ...counting,
  ...living,
  ...refusing,
]
