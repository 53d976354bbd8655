import { type BackendCapabilities, operatorNames } from '@flexgen/spec'

/**
 * What the reference backend can do. Its 4-bit operators and caches are declared once the conformance kit has cases for
 * them: what is declared is tested.
 */
export const capabilities: BackendCapabilities = {
  operators: new Set(operatorNames.filter((name) => name !== 'QuantizeGroup' && name !== 'DequantizeGroup')),
  computeDtypes: ['float32'],
  weightDtypes: ['float32', 'float16', 'bfloat16', 'q4g64'],
  cacheDtypes: ['float32'],
  asyncCopies: true,
  scatteredCacheRows: true,
}
