import { join } from 'node:path'
import {
  type FileSystem,
  type FlexgenError,
  nodeFileSystem,
  NotFoundError,
  type Tokenizer,
  UnsupportedDataError,
} from '@flexgen/spec'
import { createTokenizer } from './create-tokenizer.ts'
import { defineFromBpeFiles } from './definition/define-from-bpe-files.ts'
import { fileSize, readJson, readText } from './files/read-json.ts'

/** Where a tokenizer is read from. */
export interface LoadTokenizerOptions {
  /** Default: the machine's. */
  readonly fileSystem?: FileSystem
}

/**
 * Loads the tokenizer of a model folder: tokenizer.json, or vocab.json and merges.txt with tokenizer_config.json,
 * special_tokens_map.json and added_tokens.json where they are there (what facebook/opt repositories ship).
 *
 * @throws {FlexgenError} `FILE_NOT_FOUND` naming what was looked for, `CORRUPT_DATA` for a broken file,
 * `UNSUPPORTED_DATA` for anything but a byte-level BPE
 */
export async function loadTokenizer(folder: string, options: LoadTokenizerOptions = {}): Promise<Tokenizer> {
  const { fileSystem = nodeFileSystem } = options
  const definition = await readJson(fileSystem, folder, 'tokenizer.json')
  if (definition !== undefined) return createTokenizer(definition, join(folder, 'tokenizer.json'))
  const [vocabulary, merges, config, specialTokens, addedTokens] = await Promise.all([
    readJson(fileSystem, folder, 'vocab.json'),
    readText(fileSystem, folder, 'merges.txt'),
    readJson(fileSystem, folder, 'tokenizer_config.json'),
    readJson(fileSystem, folder, 'special_tokens_map.json'),
    readJson(fileSystem, folder, 'added_tokens.json'),
  ])
  if (vocabulary === undefined || merges === undefined) {
    throw await missing(fileSystem, folder, { 'vocab.json': vocabulary, 'merges.txt': merges })
  }
  const files = { vocabulary, merges, config, specialTokens, addedTokens }
  return createTokenizer(defineFromBpeFiles(files, folder), `${join(folder, 'vocab.json')} with merges.txt`)
}

async function missing(fileSystem: FileSystem, folder: string, files: Record<string, unknown>): Promise<FlexgenError> {
  for (const name of ['tokenizer.model', 'spiece.model']) {
    if ((await fileSize(fileSystem, join(folder, name))) !== undefined) {
      return new UnsupportedDataError(`${folder} has a SentencePiece tokenizer (${name}), which is not supported`)
    }
  }
  const absent = Object.keys(files).filter((name) => files[name] === undefined)
  return new NotFoundError(
    'FILE_NOT_FOUND',
    `${folder} has no tokenizer: looked for tokenizer.json, or vocab.json and merges.txt (no ${absent.join(', no ')})`,
    { hint: 'copy the files of the tokenizer into the folder, or give --prompt-ids' },
  )
}
