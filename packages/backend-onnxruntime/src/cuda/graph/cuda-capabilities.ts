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
])

const floats: readonly DType[] = ['float16', 'bfloat16', 'float32']

/** What ONNX Runtime on CUDA does here; the first compute dtype is the one to prefer. */
export const cudaCapabilities: BackendCapabilities = {
  operators,
  computeDtypes: floats,
  weightDtypes: floats,
  cacheDtypes: floats,
  asyncCopies: true,
  scatteredCacheRows: true,
}
