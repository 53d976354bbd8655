import type { TorchType } from './torch-type.ts'

/** What a pickle may name: a class or function of Python, which is never loaded. */
export interface PickleGlobal {
  readonly kind: 'global'
  /** Module and name, such as `collections.OrderedDict`. */
  readonly name: string
}

/** A Python tuple. */
export interface PickleTuple {
  readonly kind: 'tuple'
  readonly items: readonly PickleValue[]
}

/** A Python list or set. */
export interface PickleList {
  readonly kind: 'list'
  readonly items: PickleValue[]
}

/** A Python dict; keys that are objects count by identity. */
export interface PickleDict {
  readonly kind: 'dict'
  readonly entries: Map<PickleValue, PickleValue>
}

/** The bytes behind one or more tensors: an entry `data/KEY` of the archive. */
export interface TorchStorage {
  readonly kind: 'storage'
  readonly key: string
  readonly type: TorchType
  readonly elementCount: number
}

/** A tensor: a strided view of a storage; offset and strides in elements of its own type. */
export interface TorchTensor {
  readonly kind: 'tensor'
  readonly storage: TorchStorage
  readonly type: TorchType
  readonly storageOffset: number
  readonly shape: readonly number[]
  readonly strides: readonly number[]
}

/** Everything that the restricted unpickler can make. */
export type PickleValue =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | PickleGlobal
  | PickleTuple
  | PickleList
  | PickleDict
  | TorchStorage
  | TorchTensor

/** Whether a value is one of the objects of the given kind. */
export function isKind<Kind extends 'global' | 'tuple' | 'list' | 'dict' | 'storage' | 'tensor'>(
  value: PickleValue | undefined,
  kind: Kind,
): value is Extract<PickleValue, { kind: Kind }> {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind
}
