import { StorageError } from '@flexgen/spec'
import { copyFile, readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { OpenedModel } from '../model/open-model.ts'
import type { WeightForm } from './weight-forms.ts'

/** Small files that a model has beside its weights: the tokenizer, defaults of generation, and the terms of use. */
const copied =
  /^(?:tokenizer\.json|tokenizer_config\.json|vocab\.json|merges\.txt|special_tokens_map\.json|added_tokens\.json|generation_config\.json|licen[cs]e(?:\.\w+)?)$/i

/** The name of the method in `quantization_config`, by which other programs see that these are no weights of theirs. */
export const quantizationMethod = 'flexgen'

/**
 * Brings to a converted model's folder what it needs beside weights: config.json with a `quantization_config`, and the
 * tokenizer.
 * @throws {FlexgenError} `READ_FAILED`, `NOT_WRITABLE`, `OUT_OF_DISK`
 */
export async function copyModelFiles(
  { place, config }: Pick<OpenedModel, 'place' | 'config'>,
  folder: string,
  form: WeightForm,
): Promise<void> {
  const quantization = { quant_method: quantizationMethod, bits: 4, group_size: 64, form }
  // Made-up weights have a head of their own, whatever the config of the name says.
  const own = place.kind === 'dummy' ? { tie_word_embeddings: false } : {}
  const text = JSON.stringify({ ...(config as object), ...own, quantization_config: quantization }, undefined, 2)
  try {
    await writeFile(path.join(folder, 'config.json'), `${text}\n`)
    if (place.kind === 'dummy') return
    for (const name of (await readdir(place.folder)).filter((each) => copied.test(each)))
      await copyFile(path.join(place.folder, name), path.join(folder, name))
  } catch (error) {
    throw StorageError.from(error, `write ${folder}`)
  }
}
