import { dirname, join } from 'node:path'
import { CorruptDataError, NotFoundError, nodeFileSystem } from '@flexgen/spec'
import type { CheckpointOptions } from '../checkpoint-options.ts'
import { OpenFiles } from '../file/open-files.ts'
import { statPath } from '../file/stat-path.ts'
import type { CheckpointSource } from '../source/checkpoint-source.ts'
import { createFileSource } from '../source/file-source.ts'
import { type FileTensors, noTensors } from '../source/stored-tensor.ts'
import { quoteName } from '../text/one-line.ts'
import type { FileLayout } from './file-layout.ts'
import { readShardIndex } from './shard-index.ts'

/** Opens files and reads their tables of contents; closes them where that fails. */
export async function withOpenFiles(
  options: CheckpointOptions,
  open: (files: OpenFiles) => Promise<CheckpointSource>,
): Promise<CheckpointSource> {
  const files = new OpenFiles(options.fileSystem ?? nodeFileSystem)
  try {
    return await open(files)
  } catch (error) {
    await files[Symbol.asyncDispose]()
    throw error
  }
}

async function findFile(files: OpenFiles, layout: FileLayout, path: string): Promise<string> {
  const kind = (await statPath(files.fileSystem, path))?.kind
  if (kind === undefined) throw new NotFoundError('MODEL_NOT_FOUND', `there is nothing at ${path}`)
  if (kind !== 'folder') return path
  for (const name of [layout.indexName, layout.fileName]) {
    const candidate = join(path, name)
    if ((await statPath(files.fileSystem, candidate)) !== undefined) return candidate
  }
  throw new NotFoundError('MODEL_NOT_FOUND', `${path} has neither ${layout.indexName} nor ${layout.fileName}`)
}

async function readShards(files: OpenFiles, layout: FileLayout, indexPath: string): Promise<FileTensors> {
  const all = noTensors()
  for (const [fileName, names] of await readShardIndex(files, indexPath)) {
    const path = join(dirname(indexPath), fileName)
    if ((await statPath(files.fileSystem, path)) === undefined)
      throw new NotFoundError('FILE_NOT_FOUND', `the shard ${path} is missing; ${indexPath} names it`, {
        hint: 'download the rest of the checkpoint',
      })
    const { tensors, skipped } = await layout.readTensors(files, path)
    for (const name of names) {
      const tensor = tensors.get(name)
      const reason = skipped.get(name)
      if (tensor !== undefined) all.tensors.set(name, tensor)
      else if (reason !== undefined) all.skipped.set(name, reason)
      else throw new CorruptDataError(`${indexPath} says that ${quoteName(name)} is in ${path}, but it is not there`)
      tensors.delete(name)
    }
    for (const name of tensors.keys()) all.unlisted.push(name)
  }
  return all
}

/**
 * Opens a checkpoint of one file, or of several files with an index.
 * @param path the file, the index or the folder that holds either
 * @throws {FlexgenError} `MODEL_NOT_FOUND`, `FILE_NOT_FOUND` for a missing shard, `READ_FAILED`, `CORRUPT_DATA`,
 * `UNSUPPORTED_DATA`
 */
export function openLayout(layout: FileLayout, path: string, options: CheckpointOptions): Promise<CheckpointSource> {
  return withOpenFiles(options, async (files) => {
    const found = await findFile(files, layout, path)
    const read = found.endsWith('.index.json') ? readShards(files, layout, found) : layout.readTensors(files, found)
    return createFileSource(`${layout.name}: ${found}`, files, await read)
  })
}
