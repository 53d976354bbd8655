import { CorruptDataError, type DType, type TensorInfo } from '@flexgen/spec'
import type { CheckpointOptions } from '../checkpoint-options.ts'
import type { OpenFiles } from '../file/open-files.ts'
import type { FileLayout } from '../layout/file-layout.ts'
import { openLayout } from '../layout/open-layout.ts'
import type { CheckpointSource } from '../source/checkpoint-source.ts'
import { isContiguous } from '../source/contiguous.ts'
import { describeTensor, type FileTensors, noTensors, type StoredTensor } from '../source/stored-tensor.ts'
import { quoteName } from '../text/one-line.ts'
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

/** An expanded tensor repeats its values, and could make a file of a kilobyte one of a terabyte. */
function refuseBomb(path: string, { name, byteLength }: TensorInfo, fileBytes: number): void {
  if (byteLength <= fileBytes) return
  throw new CorruptDataError(
    `${path}: the tensor ${quoteName(name)} has ${byteLength} bytes, the file only ${fileBytes}`,
  )
}

async function readTensors(files: OpenFiles, path: string): Promise<FileTensors> {
  await checkArchiveStart(files, path)
  const archive = await openTorchArchive(files, path)
  const what = `${path}: the pickle`
  const tensors = tensorsOfStateDict(unpickle(archive.pickle, what, createTorchMeaning(what)), what)
  const starts = await archive.findStorages([...tensors.values()].map(({ storage }) => storage))
  const fileBytes = await files.sizeBytes(path)
  const found = noTensors()
  for (const [name, tensor] of tensors) {
    const { dtype, name: typeName } = tensor.type
    // Integer buffers are no weights.
    if (dtype === undefined) {
      found.skipped.set(name, `its element type is ${typeName}`)
      continue
    }
    const stored = describeStored(name, tensor, dtype, path, starts.get(tensor.storage.key)!)
    refuseBomb(path, stored.info, fileBytes)
    found.tensors.set(name, stored)
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
export function openPytorch(path: string, options: CheckpointOptions = {}): Promise<CheckpointSource> {
  return openLayout(pytorchLayout, path, options)
}
