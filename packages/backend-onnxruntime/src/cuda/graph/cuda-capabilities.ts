import type { BackendCapabilities, DType, OperatorName } from '@flexgen/spec'

const operators: ReadonlySet<OperatorName> = new Set<OperatorName>([
  'Gather',
  'Linear',
  'Add',
  'Mul',
  'LayerNormalization',
  'RMSNormalization',
  'Relu',
  'Gelu',
  'Silu',
  'Softmax',
  'Split',
  'Attention',
  'LastPosition',
  'QuantizeGroup',
  'DequantizeGroup',
  'ArgMax',
])

const floats: readonly DType[] = ['float16', 'bfloat16', 'float32']

/** What ONNX Runtime on CUDA does here; the first compute dtype is the one to prefer. */
export const cudaCapabilities: BackendCapabilities = {
  operators,
  computeDtypes: floats,
  weightDtypes: [...floats, 'q4g64', 'q4g64c'],
  cacheDtypes: [...floats, 'q4g64'],
  asyncCopies: true,
  scatteredCacheRows: true,
}
