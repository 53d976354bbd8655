import { CorruptDataError, UnsupportedDataError } from '@flexgen/spec'
import { checkedElementCount, isCount, isCountList } from '../source/checked-shape.ts'
import { oneLine } from '../text/one-line.ts'
import {
  isKind,
  type PickleGlobal,
  type PickleTuple,
  type PickleValue,
  type TorchStorage,
  type TorchTensor,
} from './pickle-value.ts'
import { typeOfDtype, typeOfStorage } from './torch-type.ts'
import type { PickleMeaning } from './unpickle.ts'

/** Classes that `_rebuild_from_type_v2` may name: their values are plain tensors. */
const tensorClasses = ['torch.Tensor', 'torch._tensor.Tensor', 'torch.nn.parameter.Parameter']

/**
 * Gives meaning to the names that `torch.save` writes for state dicts, and refuses all others by name.
 * @param what names the pickle in messages
 */
export function createTorchMeaning(what: string): PickleMeaning {
  function fail(problem: string): never {
    throw new CorruptDataError(`${what} ${problem}`)
  }

  function storageOf(value: PickleValue | undefined): TorchStorage {
    return isKind(value, 'storage') ? value : fail('rebuilds a tensor without a storage')
  }

  function countsOf(value: PickleValue | undefined, field: string): readonly number[] {
    const items = isKind(value, 'tuple') ? value.items : undefined
    return isCountList(items) ? items : fail(`has a tensor whose ${field} is not a tuple of whole numbers of 0 or more`)
  }

  function rebuildTensor(args: readonly PickleValue[], dtype?: PickleValue): TorchTensor {
    const storage = storageOf(args[0])
    const storageOffset = args[1]
    const shape = countsOf(args[2], 'size')
    const strides = countsOf(args[3], 'stride')
    const type = dtype === undefined ? storage.type : isKind(dtype, 'global') ? typeOfDtype.get(dtype.name) : undefined
    if (type === undefined) return fail('has a tensor without a dtype')
    if (!isCount(storageOffset) || strides.length !== shape.length) return fail('has a tensor with a malformed layout')
    const count = checkedElementCount(shape)
    const capacity = (storage.elementCount * storage.type.bytes) / type.bytes
    const last = shape.reduce((sum, size, i) => sum + (size - 1) * strides[i]!, storageOffset)
    if (count === undefined || (count > 0 && !(last < capacity)))
      return fail(
        `has a tensor of size [${shape.join(', ')}], stride [${strides.join(', ')}] and offset ${storageOffset} in a ` +
          `storage of ${capacity} elements`,
      )
    return { kind: 'tensor', storage, type, storageOffset, shape, strides }
  }

  function tensorOf(value: PickleValue | undefined): TorchTensor {
    return isKind(value, 'tensor') ? value : fail('has a parameter that is no tensor')
  }

  /** The functions that may be called; the arguments left out here (gradients, hooks, metadata) say nothing. */
  const functions: ReadonlyMap<string, (args: readonly PickleValue[]) => PickleValue> = new Map<
    string,
    (args: readonly PickleValue[]) => PickleValue
  >([
    ['collections.OrderedDict', () => ({ kind: 'dict', entries: new Map() })],
    ['torch.Size', ([items]) => (isKind(items, 'tuple') ? items : fail('has a malformed torch.Size'))],
    ['torch._utils._rebuild_tensor', (args) => rebuildTensor(args)],
    ['torch._utils._rebuild_tensor_v2', (args) => rebuildTensor(args)],
    ['torch._utils._rebuild_tensor_v3', (args) => rebuildTensor(args, args[6] ?? null)],
    ['torch._utils._rebuild_parameter', ([tensor]) => tensorOf(tensor)],
    ['torch._utils._rebuild_parameter_with_state', ([tensor]) => tensorOf(tensor)],
    ['torch._tensor._rebuild_from_type_v2', rebuildFromType],
  ])

  function rebuildFromType([callee, type, args]: readonly PickleValue[]): PickleValue {
    if (!isKind(callee, 'global') || !isKind(type, 'global') || !tensorClasses.includes(type.name))
      return fail('has a tensor of an unknown class')
    return isKind(args, 'tuple') ? call(callee, args.items) : fail('has a malformed tensor')
  }

  function call(callee: PickleGlobal, args: readonly PickleValue[]): PickleValue {
    const run = functions.get(callee.name)
    return run === undefined ? fail(`calls ${callee.name}, which is no function`) : run(args)
  }

  function load(id: PickleValue): TorchStorage {
    const [tag, storageClass, key, , elementCount] = isKind(id, 'tuple') ? id.items : ([] as PickleTuple['items'])
    const type = isKind(storageClass, 'global') ? typeOfStorage.get(storageClass.name) : undefined
    if (tag !== 'storage' || type === undefined || typeof key !== 'string' || !isCount(elementCount))
      return fail('has a malformed persistent id')
    if (checkedElementCount([elementCount]) === undefined) return fail(`has a storage of ${elementCount} elements`)
    return { kind: 'storage', key, type, elementCount }
  }

  const harmless = new Set([...functions.keys(), ...typeOfStorage.keys(), ...typeOfDtype.keys(), ...tensorClasses])

  function findGlobal(name: string): PickleGlobal {
    if (harmless.has(name)) return { kind: 'global', name }
    if (/^torch\.(?:cuda\.)?\w+Storage$/.test(name))
      throw new UnsupportedDataError(`${what} has a tensor of the unknown type ${oneLine(name)}`, {
        hint: 'save the weights as float32, float16 or bfloat16',
      })
    throw new UnsupportedDataError(`${what} calls ${oneLine(name)}, which is refused`, {
      hint:
        'only tensors are read and nothing is executed; save the state dict alone, best as safetensors, and do not ' +
        'use the file if you do not trust its origin',
    })
  }

  return { findGlobal, call, load }
}
