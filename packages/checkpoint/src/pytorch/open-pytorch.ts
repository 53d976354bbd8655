import type { DType, WeightSource } from '@flexgen/spec'
import type { CheckpointOptions } from '../checkpoint-options.ts'
import type { OpenFiles } from '../file/open-files.ts'
import type { FileLayout } from '../layout/file-layout.ts'
import { openLayout } from '../layout/open-layout.ts'
import { isContiguous } from '../source/contiguous.ts'
import { describeTensor, type FileTensors, type StoredTensor } from '../source/stored-tensor.ts'
import { checkArchiveStart } from './check-archive-start.ts'
import type { TorchTensor } from './pickle-value.ts'
import { tensorsOfStateDict } from './state-dict.ts'
import { openTorchArchive } from './torch-archive.ts'
import { createTorchMeaning } from './torch-meaning.ts'
import { unpickle } from './unpickle.ts'

function describeStored(name: string, tensor: TorchTensor, dtype: DType, path: string, start: number): StoredTensor {
  const { shape, strides, storageOffset, type } = tensor
  const info = describeTensor(name, shape, dtype)
  const byteOffset = start + storageOffset * type.bytes
  return { info, path, byteOffset, ...(isContiguous(shape, strides) ? {} : { strides }) }
}

async function readTensors(files: OpenFiles, path: string): Promise<FileTensors> {
  await checkArchiveStart(files, path)
  const archive = await openTorchArchive(files, path)
  const what = `${path}: the pickle`
  const tensors = tensorsOfStateDict(unpickle(archive.pickle, what, createTorchMeaning(what)), what)
  const starts = await archive.findStorages([...tensors.values()].map(({ storage }) => storage))
  const found: FileTensors = { tensors: new Map(), skipped: new Map() }
  for (const [name, tensor] of tensors) {
    const { dtype, name: typeName } = tensor.type
    // Integer buffers are no weights.
    if (dtype === undefined) found.skipped.set(name, `its element type is ${typeName}`)
    else found.tensors.set(name, describeStored(name, tensor, dtype, path, starts.get(tensor.storage.key)!))
  }
  return found
}

/** Checkpoints as `torch.save` writes them since PyTorch 1.6: what the facebook/opt repositories have. */
export const pytorchLayout: FileLayout = {
  name: 'PyTorch',
  fileName: 'pytorch_model.bin',
  indexName: 'pytorch_model.bin.index.json',
  readTensors,
}

/**
 * Opens a PyTorch checkpoint without Python: the pickle inside is read as data and executes nothing. float32, float16
 * and bfloat16 tensors are served, also views and transposed ones; others are checked and left out.
 * @param path `pytorch_model.bin`, `pytorch_model.bin.index.json`, another file of the format, or a folder
 * @throws {FlexgenError} `MODEL_NOT_FOUND`, `FILE_NOT_FOUND` for a missing shard, `READ_FAILED`, `CORRUPT_DATA`,
 * `UNSUPPORTED_DATA` for the legacy form, compressed or big-endian files, and pickles that call anything else than
 * what rebuilds tensors
 */
export function openPytorch(path: string, options: CheckpointOptions = {}): Promise<WeightSource> {
  return openLayout(pytorchLayout, path, options)
}
