import type { DType } from '@flexgen/spec'

/** An element type of PyTorch; `dtype` is there for those that weights may have. */
export interface TorchType {
  /** As in `torch.float32`. */
  readonly name: string
  readonly bytes: number
  readonly dtype?: DType
}

const types: readonly (readonly [storageName: string | undefined, type: TorchType])[] = [
  ['FloatStorage', { name: 'float32', bytes: 4, dtype: 'float32' }],
  ['HalfStorage', { name: 'float16', bytes: 2, dtype: 'float16' }],
  ['BFloat16Storage', { name: 'bfloat16', bytes: 2, dtype: 'bfloat16' }],
  ['DoubleStorage', { name: 'float64', bytes: 8 }],
  ['LongStorage', { name: 'int64', bytes: 8 }],
  ['IntStorage', { name: 'int32', bytes: 4 }],
  ['ShortStorage', { name: 'int16', bytes: 2 }],
  ['CharStorage', { name: 'int8', bytes: 1 }],
  ['ByteStorage', { name: 'uint8', bytes: 1 }],
  ['BoolStorage', { name: 'bool', bytes: 1 }],
  ['ComplexFloatStorage', { name: 'complex64', bytes: 8 }],
  ['ComplexDoubleStorage', { name: 'complex128', bytes: 16 }],
  [undefined, { name: 'uint16', bytes: 2 }],
  [undefined, { name: 'uint32', bytes: 4 }],
  [undefined, { name: 'uint64', bytes: 8 }],
  [undefined, { name: 'float8_e4m3fn', bytes: 1 }],
  [undefined, { name: 'float8_e5m2', bytes: 1 }],
]

/** Element types by the global that names the storage class in a pickle. */
export const typeOfStorage: ReadonlyMap<string, TorchType> = new Map([
  // An untyped storage counts bytes; its tensors bring their type along.
  ['torch.storage.UntypedStorage', { name: 'untyped', bytes: 1 }],
  ...types.flatMap(([storageName, type]) =>
    storageName === undefined
      ? []
      : [`torch.${storageName}`, `torch.cuda.${storageName}`].map((name) => [name, type] as const),
  ),
])

/** Element types by the global that names the dtype in a pickle. */
export const typeOfDtype: ReadonlyMap<string, TorchType> = new Map(
  types.map(([, type]) => [`torch.${type.name}`, type] as const),
)
