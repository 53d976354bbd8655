import { elementCount, type Model, type ScheduleLayer, type WeightSpec } from '@flexgen/spec'
import type { OptConfig } from './config/opt-config.ts'
import { parseOptConfig } from './config/parse-opt-config.ts'
import { attentionStages, attentionWeights } from './layers/attention-layer.ts'
import { createEmbedLayer, tokenTable } from './layers/embed-layer.ts'
import { headStages, headWeights } from './layers/head-layer.ts'
import { mlpStages, mlpWeights } from './layers/mlp-layer.ts'
import { checkTensors, noticesOfUnused } from './names/check-tensors.ts'
import { recogniseTensorNames, type OptTensorNames } from './names/opt-tensor-names.ts'

/** What an OPT model is made from beside its config. */
export interface OptModelOptions {
  /** Name for people. Default: the end of the config's `_name_or_path`, or `opt`. */
  readonly name?: string
  /**
   * Names in the checkpoint, from which its prefix is recognised. Absent for generated weights: then the head is not
   * tied to the token table, because random tied weights give the token that was read last.
   */
  readonly tensorNames?: Iterable<string>
}

/** An OPT model, and what users should know of it. */
export interface OptModel extends Model {
  /** Which tensors of the checkpoint are not read. */
  readonly notices: readonly string[]
}

/**
 * Makes an OPT model (transformers' `OPTForCausalLM`) from a parsed config.json.
 *
 * The head is tied to the token table unless the config says `tie_word_embeddings: false`; a `lm_head.weight` of a
 * tied checkpoint is not read.
 *
 * @throws {FlexgenError} `UNSUPPORTED_DATA` or `CORRUPT_DATA` for a config it cannot take or a missing tensor
 */
export function createOptModel(config: unknown, options: OptModelOptions = {}): OptModel {
  const parsed = parseOptConfig(config)
  const tensorNames = options.tensorNames === undefined ? undefined : new Set(options.tensorNames)
  const names = recogniseTensorNames(tensorNames)
  const isTied = parsed.tied && tensorNames !== undefined
  const embed = createEmbedLayer(parsed, names)
  const vocabularyTensor = isTied ? tokenTable(parsed, names).parts[0]!.tensor : names.head
  const weights = headWeights(parsed, names, vocabularyTensor)
  const head: ScheduleLayer = {
    name: 'head',
    kind: 'head',
    block: undefined,
    weights,
    stages: headStages(parsed, weights, 'last'),
  }
  const layers = [embed, ...createBlocks(parsed, names), head]
  const needed = new Set(
    layers.flatMap(({ weights: all }) => all.flatMap(({ parts }) => parts.map((part) => part.tensor))),
  )
  if (tensorNames !== undefined) checkTensors(needed, tensorNames)
  return {
    specificationVersion: 'v1',
    name: options.name ?? nameOf(config),
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
      parameters: countParameters(parsed, layers),
    },
    layers,
    headAllPositions: headStages(parsed, weights, 'all'),
    notices: tensorNames === undefined ? [] : noticesOfUnused(needed, tensorNames, names.head),
  }
}

/** Attention and mlp of every block. All blocks share their graphs, so that one kernel serves them all. */
function createBlocks(config: OptConfig, names: OptTensorNames): ScheduleLayer[] {
  const prefix = (block: number): string => names.decoder(`layers.${block}.`)
  const attention = attentionStages(config, attentionWeights(config, prefix(0)))
  const mlp = mlpStages(config, mlpWeights(config, prefix(0)))
  return Array.from({ length: config.layers }, (_, block): ScheduleLayer[] => [
    {
      name: `decoder.${block}.attention`,
      kind: 'attention',
      block,
      weights: attentionWeights(config, prefix(block)),
      stages: attention,
    },
    { name: `decoder.${block}.mlp`, kind: 'mlp', block, weights: mlpWeights(config, prefix(block)), stages: mlp },
  ]).flat()
}

/** Parameters by the config: a tied head has none of its own, also where generated weights give it some. */
function countParameters(config: OptConfig, layers: readonly ScheduleLayer[]): number {
  const isCounted = (weight: WeightSpec): boolean => !(config.tied && weight.name === 'vocabulary.weight')
  const counted = layers.flatMap((layer) => layer.weights).filter(isCounted)
  return counted.reduce((sum, weight) => sum + elementCount(weight.shape), 0)
}

function nameOf(config: unknown): string {
  const path = (config as { readonly _name_or_path?: unknown })._name_or_path
  const last = typeof path === 'string' ? path.split('/').findLast((part) => part !== '') : undefined
  return last !== undefined && /^[\w.-]{1,100}$/.test(last) ? last : 'opt'
}
