import { readConfig } from '@flexgen/checkpoint'
import {
  applyByteEdits,
  byteEdits,
  type FuzzCampaign,
  fuzzCampaign,
  jsonEditor,
  jsonEdits,
  loadFixture,
  memoryFileSystem,
} from '@flexgen/opt-fixtures'
import { elementCount, FlexgenError, type Model } from '@flexgen/spec'
import fc from 'fast-check'
import { expect } from 'vitest'
import { createOptModel, optFamily } from '../../src/index.ts'

/** Configs of every kind: with projections and without, of a real size and of a tiny one. */
const configs = [
  optFamily.builtinConfig('opt-350m'),
  loadFixture('pre-norm').config,
  {
    ...(loadFixture('post-norm').config as object),
    eos_token_id: [2, 7],
    tie_word_embeddings: false,
    enable_bias: false,
  },
]
const texts = configs.map((config) => new TextEncoder().encode(JSON.stringify(config)))
const editors = configs.map(jsonEditor)

function partsOf(model: Model): { readonly tensor: string; readonly shape: readonly number[] }[] {
  return model.layers.flatMap((layer) => layer.weights).flatMap((weight) => weight.parts)
}

const tensorNames = partsOf(createOptModel(configs[1])).map((part) => part.tensor)

/** Asserts sizes that everything after it may rely on. */
function checkModel(model: Model): void {
  const { vocabularySize, hiddenSize, maxPositions, kvHeads, headDim, eosIds, padId, facts } = model
  for (const size of [vocabularySize, hiddenSize, maxPositions, kvHeads, headDim, ...Object.values(facts)]) {
    expect(Number.isSafeInteger(size) && size > 0).toBe(true)
  }
  expect(kvHeads * headDim).toBe(hiddenSize)
  expect([...eosIds, padId].every((id) => Number.isInteger(id) && id >= 0 && id < vocabularySize)).toBe(true)
  const parts = partsOf(model)
  expect(parts.every(({ shape }) => shape.every((size) => Number.isSafeInteger(size) && size > 0))).toBe(true)
  const bytes = parts.reduce((sum, { shape }) => sum + 4 * elementCount(shape), 0)
  expect(Number.isSafeInteger(bytes)).toBe(true)
}

/** Makes the model of a config twice: for the tensors of a checkpoint, which mostly are not its own, and for any. */
async function createModels(bytes: Uint8Array): Promise<Model[]> {
  const config = await readConfig('/m', { fileSystem: memoryFileSystem({ '/m/config.json': bytes }) })
  const any = createOptModel(config)
  try {
    return [any, createOptModel(config, { tensorNames })]
  } catch (error) {
    if (!FlexgenError.isInstance(error) || error.code !== 'CORRUPT_DATA') throw error
    return [any]
  }
}

const checkModels = async (models: readonly Model[]): Promise<void> => models.forEach(checkModel)

const which = fc.constantFrom(...configs.keys())

/** config.json, from its bytes to the model. */
export const configCampaigns: readonly FuzzCampaign[] = [
  fuzzCampaign(
    'config.json, bytes',
    fc.tuple(which, byteEdits),
    ([i, edits]) => createModels(applyByteEdits(texts[i]!, edits)),
    checkModels,
  ),
  fuzzCampaign(
    'config.json, fields',
    fc.tuple(which, jsonEdits),
    ([i, edits]) => createModels(new TextEncoder().encode(editors[i]!(edits))),
    checkModels,
  ),
]
