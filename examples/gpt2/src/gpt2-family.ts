import { CorruptDataError, elementCount, type Model, type ModelFamily, type ScheduleLayer } from '@flexgen/spec'
import { parseGpt2Config } from './gpt2-config.ts'
import { attentionParts, embedParts, headParts, mlpParts } from './gpt2-layers.ts'

/** Layers, hidden size and heads of the published sizes. */
const sizes: Readonly<Record<string, readonly [layers: number, hiddenSize: number, heads: number]>> = {
  gpt2: [12, 768, 12],
  'gpt2-medium': [24, 1024, 16],
  'gpt2-large': [36, 1280, 20],
  'gpt2-xl': [48, 1600, 25],
}

/** GPT-2 (transformers' `GPT2LMHeadModel`), from an own checkpoint or a published one. */
export const gpt2Family: ModelFamily = {
  specificationVersion: 'v1',
  modelTypes: ['gpt2'],
  builtinNames: Object.keys(sizes),
  builtinConfig: (name) => {
    const size = new Map(Object.entries(sizes)).get(name.split('/').at(-1)!)
    return size && { model_type: 'gpt2', n_layer: size[0], n_embd: size[1], n_head: size[2], eos_token_id: 50_256 }
  },
  create: createGpt2Model,
}

/**
 * Makes the model of a parsed config.json.
 * @param options.tensorNames names in the checkpoint, which may all start with `transformer.`; absent for made-up weights
 * @throws {FlexgenError} `UNSUPPORTED_DATA` or `CORRUPT_DATA` for a config that it cannot take or a missing tensor
 */
export function createGpt2Model(
  config: unknown,
  options: { readonly name?: string; readonly tensorNames?: Iterable<string> } = {},
): Model {
  const parsed = parseGpt2Config(config)
  const tensorNames = options.tensorNames && new Set(options.tensorNames)
  const prefix = tensorNames?.has('transformer.wte.weight') ? 'transformer.' : ''
  const embed = embedParts(parsed, prefix)
  const head = headParts(parsed, prefix, 'last')
  // All blocks share their stages, so that one kernel serves them all.
  const attention = attentionParts(parsed, '').stages
  const mlp = mlpParts(parsed, '').stages
  const blocks = Array.from({ length: parsed.layers }, (_, block): ScheduleLayer[] => {
    const at = `${prefix}h.${block}.`
    const name = `decoder.${block}`
    return [
      { name: `${name}.attention`, kind: 'attention', block, ...attentionParts(parsed, at), stages: attention },
      { name: `${name}.mlp`, kind: 'mlp', block, ...mlpParts(parsed, at), stages: mlp },
    ]
  })
  const layers: ScheduleLayer[] = [
    { name: 'embed', kind: 'embed', block: undefined, ...embed },
    ...blocks.flat(),
    { name: 'head', kind: 'head', block: undefined, ...head },
  ]
  // A tied head reads the token table: one tensor, two weights.
  const parts = layers.flatMap(({ weights }) => weights.flatMap((weight) => weight.parts))
  const tensors = new Map(parts.map(({ tensor, shape }) => [tensor, elementCount(shape)]))
  const missing = tensorNames && [...tensors.keys()].find((name) => !tensorNames.has(name))
  if (missing !== undefined) throw new CorruptDataError(`the checkpoint has no tensor ${missing}`)
  return {
    specificationVersion: 'v1',
    name: options.name ?? 'gpt2',
    vocabularySize: parsed.vocabularySize,
    hiddenSize: parsed.hiddenSize,
    maxPositions: parsed.maxPositions,
    kvHeads: parsed.heads,
    headDim: parsed.hiddenSize / parsed.heads,
    eosIds: parsed.eosIds,
    padId: parsed.padId,
    facts: {
      decoderLayers: parsed.layers,
      heads: parsed.heads,
      ffnSize: parsed.ffnSize,
      parameters: [...tensors.values()].reduce((sum, count) => sum + count, 0),
    },
    layers,
    headAllPositions: headParts(parsed, prefix, 'all').stages,
  }
}
