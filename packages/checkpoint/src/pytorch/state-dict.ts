import { CorruptDataError, UnsupportedDataError } from '@flexgen/spec'
import { isKind, type PickleDict, type PickleValue, type TorchTensor } from './pickle-value.ts'

const wrappers = ['state_dict', 'model']

function hasTensor(dict: PickleDict): boolean {
  return [...dict.entries.values()].some((value) => isKind(value, 'tensor'))
}

/**
 * The tensors of a state dict by name; trainers often wrap one as `{'state_dict': ...}` or `{'model': ...}`. Values
 * that are no tensors are left out.
 * @param what names the pickle in messages
 * @throws {FlexgenError} `UNSUPPORTED_DATA` where there is no state dict, `CORRUPT_DATA` for names that are not text
 */
export function tensorsOfStateDict(root: PickleValue, what: string): Map<string, TorchTensor> {
  const candidates = isKind(root, 'dict') ? [root, ...wrappers.map((name) => root.entries.get(name))] : []
  const dict = candidates.find((value) => isKind(value, 'dict') && hasTensor(value)) as PickleDict | undefined
  if (dict === undefined)
    throw new UnsupportedDataError(`${what} holds no state dict`, {
      hint: 'save model.state_dict(), best as safetensors',
    })
  const tensors = new Map<string, TorchTensor>()
  for (const [name, value] of dict.entries) {
    if (!isKind(value, 'tensor')) continue
    if (typeof name !== 'string') throw new CorruptDataError(`${what} has a tensor whose name is not text`)
    tensors.set(name, value)
  }
  return tensors
}
