import type { BackendCapabilities, OperatorName } from '@flexgen/spec'
import { operators } from './operators.ts'

/** What the toy can do; everything else it refuses. */
export const capabilities: BackendCapabilities = {
  operators: new Set(Object.keys(operators) as OperatorName[]),
  computeDtypes: ['float32'],
  weightDtypes: ['float32', 'float16'],
  cacheDtypes: ['float32'],
  asyncCopies: false,
  scatteredCacheRows: true,
}
