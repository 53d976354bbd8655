import { type BackendCapabilities, type DType, operatorNames } from '@flexgen/spec'

/** What a simulated backend takes: everything, computed in one dtype. */
export function createCapabilities(computeDtype: DType): BackendCapabilities {
  return {
    operators: new Set(operatorNames),
    computeDtypes: [computeDtype],
    weightDtypes: ['float32', 'float16', 'bfloat16', 'q4g64', 'q4g64c'],
    cacheDtypes: [computeDtype, 'q4g64'],
    asyncCopies: true,
    scatteredCacheRows: true,
  }
}
