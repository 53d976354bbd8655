/** The array that holds values of a dtype: numbers of float32, bit patterns of the half formats. */
export interface FloatArrays {
  readonly float32: Float32Array
  readonly float16: Uint16Array
  readonly bfloat16: Uint16Array
}

/** A dtype that can be quantised. */
export type FloatDType = keyof FloatArrays
