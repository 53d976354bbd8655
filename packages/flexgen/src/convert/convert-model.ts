import { compressSource, planCheckpoint, writeCheckpoint } from '@flexgen/checkpoint'
import { isGroupDType, UsageError } from '@flexgen/spec'
import { expandHome } from '../model/expand-home.ts'
import { openModel, type OpenModelOptions, type OpenedModel } from '../model/open-model.ts'
import { parseSize, type Size } from '../size/parse-size.ts'
import { copyModelFiles } from './copy-model-files.ts'
import { openOutputFolder } from './output-folder.ts'
import { isCompressed, type WeightForm, weightFormsOf } from './weight-forms.ts'

/** What `convertModel` is told. */
export interface ConvertModelOptions extends OpenModelOptions {
  /** Folder to make. */
  readonly output: string
  /** Default `flexgen`, which is what `compressWeight` makes while it loads. */
  readonly form?: WeightForm | undefined
  /** Replace a folder that an earlier conversion made. */
  readonly force?: boolean | undefined
  /** Largest file; more weights become several files with an index. Default 5 GB. */
  readonly maxFile?: Size | undefined
  readonly onProgress?: ((progress: ConvertProgress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** How far a conversion has come, in bytes of the result. */
export interface ConvertProgress {
  readonly doneBytes: number
  readonly totalBytes: number
}

/** A model that was stored compressed. */
export interface ConvertedModel {
  readonly model: string
  /** Absolute path; a model folder like any other. */
  readonly output: string
  readonly form: WeightForm
  /** Names of all files in it. */
  readonly files: readonly string[]
  readonly tensors: number
  readonly compressedTensors: number
  /** Bytes of these tensors in the original, and of the new weight files. */
  readonly originalBytes: number
  readonly sizeBytes: number
  readonly notices: readonly string[]
}

/**
 * Stores a model with its matrices in 4 bits a value, as a folder that `createEngine` takes as it is: what the engine
 * would make of them with `compressWeight`, to the byte. Runs in a fixed small memory. The folder appears whole or
 * not at all: it is made under another name beside its place, brought to the disk and renamed at the end.
 * @throws {FlexgenError} what opening the model fails with; `USAGE` for an output that is there, or a model that is
 * compressed already; `CORRUPT_DATA` for values that 4 bits cannot hold; `OUT_OF_DISK` before anything is written
 * where the disk has no room; `NOT_WRITABLE`; `ABORTED`
 */
export async function convertModel(options: ConvertModelOptions): Promise<ConvertedModel> {
  const { form = 'flexgen', force = false, signal, onProgress } = options
  const shardBytes = options.maxFile === undefined ? undefined : parseSize(options.maxFile, 'maxFile')
  const output = expandHome(options.output)
  await using opened = await openModel(options)
  const { model, weights, place } = opened
  if (isCompressed(weights))
    throw new UsageError(`${model.name} has 4-bit weights already: ${weights.description}`, {
      hint: 'convert the checkpoint that they were made from',
    })
  const source = compressSource(weights, weightFormsOf(model, form))
  const plan = planCheckpoint(source, tensorsOf(model), shardBytes)
  const original = place.kind === 'checkpoint' ? place.folder : undefined
  await using folder = await openOutputFolder(output, { original, force, neededBytes: plan.sizeBytes })
  const totalBytes = plan.sizeBytes
  await writeCheckpoint(source, plan, folder.path, {
    signal,
    onProgress: (doneBytes) => onProgress?.({ doneBytes, totalBytes }),
  })
  await copyModelFiles(opened, folder.path, form)
  const files = await folder.finish(signal)
  const tensors = plan.shards.flatMap((shard) => shard.tensors)
  return {
    model: model.name,
    output,
    form,
    files,
    tensors: tensors.length,
    compressedTensors: tensors.filter(({ dtype }) => isGroupDType(dtype)).length,
    originalBytes: tensors.reduce((sum, { name }) => sum + weights.tensors.get(name)!.byteLength, 0),
    sizeBytes: plan.sizeBytes,
    notices: opened.notices,
  }
}

/** What the model reads, in its order; what it has no use for is left out. */
function tensorsOf({ layers }: OpenedModel['model']): Set<string> {
  return new Set(layers.flatMap(({ weights }) => weights.flatMap(({ parts }) => parts.map(({ tensor }) => tensor))))
}
