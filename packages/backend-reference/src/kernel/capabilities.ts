import { type BackendCapabilities, operatorNames } from '@flexgen/spec'

/** What the reference backend can do. */
export const capabilities: BackendCapabilities = {
  operators: new Set(operatorNames),
  computeDtypes: ['float32'],
  weightDtypes: ['float32', 'float16', 'bfloat16', 'q4g64', 'q4g64c'],
  cacheDtypes: ['float32', 'q4g64'],
  asyncCopies: true,
  scatteredCacheRows: true,
}
