import { type BackendCapabilities, type DType, operatorNames } from '@flexgen/spec'

/** Dtypes in the numbering of the C library. */
export const dtypeNumbers: Readonly<Record<DType, number>> = {
  float32: 0,
  float16: 1,
  bfloat16: 2,
  int32: 3,
  uint8: 4,
  q4g64: 5,
  q4g64c: 6,
}

/** What the host kernels do; sums are always float32. */
export const capabilities: BackendCapabilities = {
  operators: new Set(operatorNames),
  computeDtypes: ['float32', 'bfloat16', 'float16'],
  weightDtypes: ['float32', 'float16', 'bfloat16', 'q4g64', 'q4g64c'],
  cacheDtypes: ['float32', 'float16', 'bfloat16', 'q4g64'],
  asyncCopies: true,
  scatteredCacheRows: true,
}
