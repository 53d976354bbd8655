import { type BackendCapabilities, operatorNames } from '@flexgen/spec'

/** What the reference backend can do; the 4-bit pair needs the quantize package and is left out. */
export const capabilities: BackendCapabilities = {
  operators: new Set(operatorNames.filter((name) => name !== 'QuantizeGroup' && name !== 'DequantizeGroup')),
  computeDtypes: ['float32'],
  weightDtypes: ['float32', 'float16', 'bfloat16'],
  cacheDtypes: ['float32'],
  asyncCopies: true,
  scatteredCacheRows: true,
}
