import type { DType } from '@flexgen/spec'

/** An element type of the safetensors format; `dtype` is there for those that weights may have. */
export interface SafetensorsDType {
  readonly bits: number
  readonly dtype?: DType
}

/** Element types of safetensors 0.8 by their names in the header. */
export const safetensorsDTypes: ReadonlyMap<string, SafetensorsDType> = new Map<string, SafetensorsDType>([
  ['F32', { bits: 32, dtype: 'float32' }],
  ['F16', { bits: 16, dtype: 'float16' }],
  ['BF16', { bits: 16, dtype: 'bfloat16' }],
  ['F64', { bits: 64 }],
  ['I64', { bits: 64 }],
  ['U64', { bits: 64 }],
  ['C64', { bits: 64 }],
  ['I32', { bits: 32 }],
  ['U32', { bits: 32 }],
  ['I16', { bits: 16 }],
  ['U16', { bits: 16 }],
  ['I8', { bits: 8 }],
  ['U8', { bits: 8 }],
  ['BOOL', { bits: 8 }],
  ['F8_E5M2', { bits: 8 }],
  ['F8_E4M3', { bits: 8 }],
  ['F8_E5M2FNUZ', { bits: 8 }],
  ['F8_E4M3FNUZ', { bits: 8 }],
  ['F8_E8M0', { bits: 8 }],
  ['F6_E2M3', { bits: 6 }],
  ['F6_E3M2', { bits: 6 }],
  ['F4', { bits: 4 }],
])
