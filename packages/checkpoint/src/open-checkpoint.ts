import { join } from 'node:path'
import { NotFoundError, nodeFileSystem, StorageError } from '@flexgen/spec'
import type { CheckpointOptions } from './checkpoint-options.ts'
import { statPath } from './file/stat-path.ts'
import { openNumpyFolder, tensorFilesAmong } from './numpy/open-numpy-folder.ts'
import { openPytorch } from './pytorch/open-pytorch.ts'
import { openSafetensors } from './safetensors/open-safetensors.ts'
import type { CheckpointSource } from './source/checkpoint-source.ts'

/** A form of checkpoint that is recognised in a folder. */
export type CheckpointFormat = 'safetensors' | 'pytorch' | 'numpy'

/** What `openCheckpoint` takes. */
export interface OpenCheckpointOptions extends CheckpointOptions {
  /** The format that is taken where a folder has several; safetensors, pytorch, numpy is the order otherwise. */
  readonly preferred?: CheckpointFormat | undefined
}

type Open = (path: string, options: CheckpointOptions) => Promise<CheckpointSource>

const fileFormats: readonly (readonly [format: CheckpointFormat, fileName: string, open: Open])[] = [
  ['safetensors', 'model.safetensors.index.json', openSafetensors],
  ['safetensors', 'model.safetensors', openSafetensors],
  ['pytorch', 'pytorch_model.bin.index.json', openPytorch],
  ['pytorch', 'pytorch_model.bin', openPytorch],
]

/**
 * Opens the weights of a model folder in whatever form they are there.
 * @throws {FlexgenError} `MODEL_NOT_FOUND` with what was looked for, and what the opener of the format throws
 */
export async function openCheckpoint(folder: string, options: OpenCheckpointOptions = {}): Promise<CheckpointSource> {
  const fileSystem = options.fileSystem ?? nodeFileSystem
  const { preferred } = options
  const found = await statPath(fileSystem, folder)
  if (found === undefined) throw new NotFoundError('MODEL_NOT_FOUND', `there is nothing at ${folder}`)
  if (found.kind !== 'folder')
    throw new NotFoundError('MODEL_NOT_FOUND', `${folder} is not a folder`, { hint: 'give the folder of the model' })
  const names = await fileSystem.list(folder).catch((error: unknown) => {
    throw StorageError.from(error, `list ${folder}`)
  })
  const candidates = fileFormats
    .filter(([, fileName]) => names.includes(fileName))
    .map(([format, fileName, open]) => ({ format, open: () => open(join(folder, fileName), { fileSystem }) }))
  if (tensorFilesAmong(names).length > 0)
    candidates.push({ format: 'numpy', open: () => openNumpyFolder(folder, { fileSystem }) })
  const chosen = candidates.find(({ format }) => format === preferred) ?? candidates[0]
  if (chosen !== undefined) return chosen.open()
  const wanted = fileFormats.map(([, fileName]) => fileName).join(', ')
  throw new NotFoundError(
    'MODEL_NOT_FOUND',
    `${folder} has no weights: looked for ${wanted} and numpy files such as decoder.embed_tokens.weight`,
  )
}
