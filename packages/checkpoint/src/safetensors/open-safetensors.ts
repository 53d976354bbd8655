import { CorruptDataError } from '@flexgen/spec'
import type { CheckpointOptions } from '../checkpoint-options.ts'
import type { OpenFiles } from '../file/open-files.ts'
import { refuseLfsPointer } from '../file/refuse-lfs-pointer.ts'
import type { FileLayout } from '../layout/file-layout.ts'
import { openLayout } from '../layout/open-layout.ts'
import type { CheckpointSource } from '../source/checkpoint-source.ts'
import type { FileTensors } from '../source/stored-tensor.ts'
import { parseSafetensorsHeader } from './parse-safetensors-header.ts'

/** About a hundred bytes for each of as many tensors as a header may have; the format itself allows 100 MB. */
const maxHeaderBytes = 32 * 2 ** 20
const lengthBytes = 8

async function readTensors(files: OpenFiles, path: string): Promise<FileTensors> {
  const fileBytes = await files.sizeBytes(path)
  const start = new Uint8Array(Math.min(fileBytes, 64))
  await files.read(path, 0, start)
  refuseLfsPointer(path, start)
  if (fileBytes < lengthBytes) throw new CorruptDataError(`${path} is too short for a safetensors file`)
  const headerBytes = new DataView(start.buffer).getBigUint64(0, true)
  if (headerBytes > maxHeaderBytes || Number(headerBytes) > fileBytes - lengthBytes)
    throw new CorruptDataError(
      `${path}: the header should have ${headerBytes} bytes, but the file has ${fileBytes - lengthBytes} after its ` +
        `length and ${maxHeaderBytes} are allowed: it is truncated or not a safetensors file`,
    )
  if (headerBytes === 0n || start[lengthBytes] !== 0x7b)
    throw new CorruptDataError(`${path}: the header does not begin with '{': it is not a safetensors file`)
  const header = new Uint8Array(Number(headerBytes))
  await files.read(path, lengthBytes, header)
  const dataStart = lengthBytes + header.byteLength
  return parseSafetensorsHeader(path, header, dataStart, fileBytes - dataStart)
}

/** Checkpoints in the safetensors format, as most repositories of the Hugging Face hub have them. */
export const safetensorsLayout: FileLayout = {
  name: 'safetensors',
  fileName: 'model.safetensors',
  indexName: 'model.safetensors.index.json',
  readTensors,
}

/**
 * Opens a safetensors checkpoint; float32, float16 and bfloat16 tensors are served, others are checked and left out.
 * @param path `model.safetensors`, `model.safetensors.index.json`, another file of the format, or a folder
 * @throws {FlexgenError} `MODEL_NOT_FOUND`, `FILE_NOT_FOUND` for a missing shard, `READ_FAILED`, `CORRUPT_DATA`
 */
export function openSafetensors(path: string, options: CheckpointOptions = {}): Promise<CheckpointSource> {
  return openLayout(safetensorsLayout, path, options)
}
