import { type DType, type GroupDType, isGroupDType } from '@flexgen/spec'

/** Element types of tensors in the graphs that this package writes. */
export type TensorType = 'float32' | 'float64' | 'float16' | 'bfloat16' | 'int32' | 'int64' | 'uint8' | 'bool'

/** ONNX's number and the bytes of an element. */
export const tensorTypes: Readonly<Record<TensorType, { readonly onnx: number; readonly bytes: number }>> = {
  float32: { onnx: 1, bytes: 4 },
  uint8: { onnx: 2, bytes: 1 },
  int32: { onnx: 6, bytes: 4 },
  int64: { onnx: 7, bytes: 8 },
  bool: { onnx: 9, bytes: 1 },
  float16: { onnx: 10, bytes: 2 },
  float64: { onnx: 11, bytes: 8 },
  bfloat16: { onnx: 16, bytes: 2 },
}

/** Whether a dtype of the contract is a tensor of its own; the 4-bit forms are none. */
export function isTensorType(dtype: DType): dtype is Exclude<DType, GroupDType> {
  return !isGroupDType(dtype)
}

/** Whether a type has two bytes a value, and is widened to be computed with. */
export function isHalf(type: TensorType): type is 'float16' | 'bfloat16' {
  return type === 'float16' || type === 'bfloat16'
}
