import { type BackendCapabilities, operatorNames } from '@flexgen/spec'

/** What the TensorFlow.js backend can do, whatever the engine: float32 alone, weights widened as they are uploaded. */
export const capabilities: BackendCapabilities = {
  operators: new Set(operatorNames.filter((name) => name !== 'QuantizeGroup' && name !== 'DequantizeGroup')),
  computeDtypes: ['float32'],
  weightDtypes: ['float32', 'float16', 'bfloat16'],
  cacheDtypes: ['float32'],
  asyncCopies: false,
  scatteredCacheRows: true,
}
