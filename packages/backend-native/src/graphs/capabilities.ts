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

/**
 * What the host kernels do; sums are always float32.
 * @param fourBit whether 4-bit weights, caches and operators are among it
 */
export function createCapabilities(fourBit: boolean): BackendCapabilities {
  const groups: readonly DType[] = fourBit ? ['q4g64'] : []
  const isOffered = (name: string): boolean => fourBit || (name !== 'QuantizeGroup' && name !== 'DequantizeGroup')
  return {
    operators: new Set(operatorNames.filter(isOffered)),
    computeDtypes: ['float32', 'bfloat16', 'float16'],
    weightDtypes: ['float32', 'float16', 'bfloat16', ...groups],
    cacheDtypes: ['float32', 'float16', 'bfloat16', ...groups],
    asyncCopies: true,
    scatteredCacheRows: true,
  }
}
