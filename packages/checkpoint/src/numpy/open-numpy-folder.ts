import { join } from 'node:path'
import { CorruptDataError, NotFoundError, StorageError } from '@flexgen/spec'
import type { CheckpointOptions } from '../checkpoint-options.ts'
import { statPath } from '../file/stat-path.ts'
import { withOpenFiles } from '../layout/open-layout.ts'
import type { CheckpointSource } from '../source/checkpoint-source.ts'
import { createFileSource } from '../source/file-source.ts'
import { noTensors } from '../source/stored-tensor.ts'
import { quoteName } from '../text/one-line.ts'
import { readNpyFile } from './read-npy-file.ts'

/** FlexGen names files after tensors, without an extension; numpy itself adds one. */
const tensorFile = /^(?!\.).*(?:[._](?:weight|bias)|\.npy)$/

/** Names in a folder that look like files of tensors. */
export function tensorFilesAmong(names: readonly string[]): string[] {
  return names.filter((name) => tensorFile.test(name)).toSorted()
}

/**
 * Opens a folder of FlexGen, `<model>-np`: one npy file per tensor, called `decoder.layers.0.fc1.weight` or the same
 * with `.npy`; other files are ignored.
 * @throws {FlexgenError} `MODEL_NOT_FOUND`, `READ_FAILED`, `CORRUPT_DATA`, `UNSUPPORTED_DATA` for element types other
 * than little-endian float32 and float16
 */
export function openNumpyFolder(folder: string, options: CheckpointOptions = {}): Promise<CheckpointSource> {
  return withOpenFiles(options, async (files) => {
    if ((await statPath(files.fileSystem, folder)) === undefined)
      throw new NotFoundError('MODEL_NOT_FOUND', `there is nothing at ${folder}`)
    const names = await files.fileSystem.list(folder).catch((error: unknown) => {
      throw StorageError.from(error, `list ${folder}`)
    })
    const found = noTensors()
    for (const fileName of tensorFilesAmong(names)) {
      const name = fileName.replace(/\.npy$/, '')
      if (found.tensors.has(name))
        throw new CorruptDataError(`${folder} has ${quoteName(name)} twice: with and without .npy`)
      found.tensors.set(name, await readNpyFile(files, join(folder, fileName), name))
    }
    if (found.tensors.size === 0)
      throw new NotFoundError('MODEL_NOT_FOUND', `${folder} has no npy files such as decoder.embed_tokens.weight`)
    return createFileSource(`numpy folder: ${folder}`, files, found)
  })
}
