import { createDummySource, openCheckpoint, readConfig } from '@flexgen/checkpoint'
import {
  FlexgenError,
  type Model,
  type ModelFamily,
  type Tokenizer,
  type WeightPart,
  type WeightSource,
} from '@flexgen/spec'
import { loadTokenizer } from '@flexgen/tokenizer'
import path from 'node:path'
import { quantizationMethod } from '../convert/copy-model-files.ts'
import { familyOfConfig, familyOfName, type NamedConfig } from './family-of.ts'
import { findModel, type ModelPlace } from './find-model.ts'

/** Which model to open. */
export interface OpenModelOptions {
  /** A folder, or a name that is looked up in `path` and in the Hugging Face cache; the embedded demo model by default. */
  readonly model?: string | undefined
  /** Folder of models; with `_DUMMY_` in it weights are made up for the built-in config of the name. */
  readonly path?: string | undefined
  /** Key of random numbers: of made-up weights, and of samples where `generate` is given no other. Default 0. */
  readonly seed?: number | undefined
  /** Model families of your own, which are asked before those that are known by name. */
  readonly families?: readonly ModelFamily[] | undefined
}

/** A model that is ready to be run: config, weights and tokenizer are checked, no weight has been read. */
export interface OpenedModel extends AsyncDisposable {
  readonly place: ModelPlace
  /** Parsed config.json, or the built-in config of the name. */
  readonly config: unknown
  readonly model: Model
  readonly weights: WeightSource
  /** Undefined for made-up weights, and for a folder without tokenizer files. */
  readonly tokenizer: Tokenizer | undefined
  /** What text prompts fail with where there is no tokenizer. */
  readonly tokenizerProblem?: FlexgenError | undefined
  /** What users should know of how the checkpoint is read. */
  readonly notices: readonly string[]
}

/**
 * Finds and opens a model: config, tokenizer and the headers of its weight files.
 * @throws {FlexgenError} `MODEL_NOT_FOUND`, `PACKAGE_NOT_FOUND`, `CORRUPT_DATA`, `UNSUPPORTED_DATA`
 */
export async function openModel(options: OpenModelOptions = {}): Promise<OpenedModel> {
  const place = await findModel(options.model, options.path)
  const { seed = 0, families } = options
  return place.kind === 'dummy' ? openDummy(place, seed, families) : openFolder(place, families)
}

async function openFolder(
  place: ModelPlace & { readonly kind: 'checkpoint' },
  families: OpenModelOptions['families'],
): Promise<OpenedModel> {
  const { folder, name } = place
  const { family, config } = await configOf(folder, families)
  const { tokenizer, tokenizerProblem } = await tokenizerOf(folder)
  const weights = await openCheckpoint(folder)
  try {
    const model = family.create(config, { name, tensorNames: [...weights.tensors.keys(), ...weights.skipped.keys()] })
    // A tensor that is there but cannot be a weight says why.
    for (const { tensor } of partsOf(model)) if (weights.skipped.has(tensor)) weights.extents(tensor, 0, 0)
    const notices = [...(model.notices ?? []), ...weights.notices]
    const dispose = (): Promise<void> => weights[Symbol.asyncDispose]()
    return { place, config, model, weights, tokenizer, tokenizerProblem, notices, [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await weights[Symbol.asyncDispose]()
    throw error
  }
}

async function openDummy(
  place: ModelPlace,
  seed: number,
  families: OpenModelOptions['families'],
): Promise<OpenedModel> {
  const { family, config } = await familyOfName(place.name, families)
  const model = family.create(config, { name: path.basename(place.name) })
  // Layers may share a tensor.
  const parts = new Map(partsOf(model).map((part) => [part.tensor, part]))
  const tensors = Array.from(parts.values(), ({ tensor, shape }) => ({ name: tensor, shape }))
  const weights = createDummySource({ tensors, dtype: 'float16', seed })
  const dispose = (): Promise<void> => weights[Symbol.asyncDispose]()
  return { place, config, model, weights, tokenizer: undefined, notices: [], [Symbol.asyncDispose]: dispose }
}

function partsOf(model: Model): WeightPart[] {
  return model.layers.flatMap(({ weights }) => weights.flatMap(({ parts }) => parts))
}

/** A folder without tokenizer files is fine for prompts of ids. */
async function tokenizerOf(folder: string): Promise<Pick<OpenedModel, 'tokenizer' | 'tokenizerProblem'>> {
  try {
    return { tokenizer: await loadTokenizer(folder) }
  } catch (error) {
    if (!FlexgenError.isInstance(error) || error.code !== 'FILE_NOT_FOUND') throw error
    return { tokenizer: undefined, tokenizerProblem: error }
  }
}

/**
 * Without the note that `convert` leaves in a config: the weight files themselves say which tensors are compressed, and
 * model families know checkpoints of plain weights only.
 */
function withoutQuantization(config: unknown): unknown {
  const { quantization_config: quantization, ...rest } = config as { quantization_config?: { quant_method?: unknown } }
  return quantization?.quant_method === quantizationMethod ? rest : config
}

/** The config of a folder; FlexGen's `NAME-np` folders have none, their name says it. */
async function configOf(folder: string, families: OpenModelOptions['families']): Promise<NamedConfig> {
  try {
    const config = withoutQuantization(await readConfig(folder))
    return { family: await familyOfConfig(config, families), config }
  } catch (error) {
    const isAbsent = FlexgenError.isInstance(error) && error.code === 'MODEL_NOT_FOUND'
    if (!isAbsent || !folder.endsWith('-np')) throw error
    return familyOfName(path.basename(folder).slice(0, -'-np'.length), families)
  }
}
