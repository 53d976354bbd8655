import { type FileSystem, nodeFileSystem, NotFoundError, UsageError } from '@flexgen/spec'
import path from 'node:path'
import { loadPackage } from '../registry/load-package.ts'
import { expandHome } from './expand-home.ts'
import { type Environment, findInHuggingFaceCache, huggingFaceHubFolder } from './hugging-face-cache.ts'

/** Where a model is: a folder with a checkpoint, or dummy weights for the built-in config of a name. */
export type ModelPlace =
  | { readonly kind: 'checkpoint'; readonly name: string; readonly folder: string }
  | { readonly kind: 'dummy'; readonly name: string }

/** What `findModel` looks at besides its arguments. */
export interface FindModelOptions {
  readonly env?: Environment
  readonly fileSystem?: FileSystem
}

/** Name of the embedded model. */
export const demoModelName = 'demo'

/**
 * Finds a model, offline: `demo` (or nothing) is the embedded one; with `_DUMMY_` in `searchPath` weights are made up;
 * else a folder, a name in `searchPath` (also FlexGen's `NAME-np`), or a name in the Hugging Face cache.
 * @throws {FlexgenError} `MODEL_NOT_FOUND` with the places that were looked at, `PACKAGE_NOT_FOUND` for the demo model
 */
export async function findModel(
  model: string = demoModelName,
  searchPath?: string,
  options: FindModelOptions = {},
): Promise<ModelPlace> {
  const { env = process.env, fileSystem = nodeFileSystem } = options
  if (model === '') throw new UsageError('the model has an empty name')
  if (searchPath?.includes('_DUMMY_')) return { kind: 'dummy', name: model }
  if (model === demoModelName) return { kind: 'checkpoint', name: 'demo', folder: await demoFolder() }

  const last = path.basename(model)
  const folders = [expandHome(model)]
  if (searchPath !== undefined) {
    const names = new Set([model, last, `${last}-np`])
    folders.push(...[...names].map((name) => path.join(expandHome(searchPath), name)))
  }
  for (const folder of folders) {
    if ((await fileSystem.stat(folder))?.kind === 'folder') return { kind: 'checkpoint', name: last, folder }
  }
  const hub = expandHome(huggingFaceHubFolder(env))
  const snapshot = await findInHuggingFaceCache(model, hub, fileSystem)
  if (snapshot !== undefined) return { kind: 'checkpoint', name: last, folder: snapshot }
  throw new NotFoundError(
    'MODEL_NOT_FOUND',
    `there is no model '${model}'; looked at ${[...folders, hub].join(', ')}`,
    {
      hint: 'give a folder with config.json and weights, or --path; nothing is downloaded. --path _DUMMY_ runs any OPT size without a checkpoint',
    },
  )
}

async function demoFolder(): Promise<string> {
  const load = () => import('@flexgen/demo-model')
  return (await loadPackage('@flexgen/demo-model', "model 'demo'", load)).demoModelPath
}
