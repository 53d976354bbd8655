import { dtypeBytes, UnsupportedDataError } from '@flexgen/spec'
import type { OpenFiles } from '../file/open-files.ts'
import { listNames, quoteName } from '../text/one-line.ts'
import type { CheckpointSource } from './checkpoint-source.ts'
import { readStrided } from './read-strided.ts'
import type { FileTensors, StoredTensor } from './stored-tensor.ts'
import { checkRange, unknownTensor } from './tensor-range.ts'

function noticesOf({ unlisted }: FileTensors): string[] {
  if (unlisted.length === 0) return []
  return [`the shards have tensors that the index does not take from there: ${listNames(unlisted)}`]
}

/** A weight source over files that were validated; it owns the open files. */
export function createFileSource(description: string, files: OpenFiles, found: FileTensors): CheckpointSource {
  const { tensors, skipped } = found

  function find(name: string, byteOffset: number, byteLength: number): StoredTensor {
    const tensor = tensors.get(name)
    const reason = skipped.get(name)
    if (tensor === undefined && reason !== undefined)
      throw new UnsupportedDataError(`the tensor ${quoteName(name)} cannot be used: ${reason}`)
    if (tensor === undefined) throw unknownTensor(name, description)
    checkRange(name, tensor.info.byteLength, byteOffset, byteLength)
    return tensor
  }

  return {
    specificationVersion: 'v1',
    description,
    tensors: new Map([...tensors].map(([name, { info }]) => [name, info])),
    skipped,
    notices: noticesOf(found),
    extents: (name, byteOffset, byteLength) => {
      const { path, strides, byteOffset: start } = find(name, byteOffset, byteLength)
      if (strides !== undefined) return undefined
      return byteLength === 0 ? [] : [{ path, byteOffset: start + byteOffset, byteLength }]
    },
    read: async (name, byteOffset, target, signal) => {
      const tensor = find(name, byteOffset, target.byteLength)
      if (tensor.strides === undefined) await files.read(tensor.path, tensor.byteOffset + byteOffset, target, signal)
      else await readStrided(files, tensor, dtypeBytes(tensor.info.dtype, 1), byteOffset, target, signal)
    },
    [Symbol.asyncDispose]: () => files[Symbol.asyncDispose](),
  }
}
