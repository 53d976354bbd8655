import type { Model, ScheduleLayer, WeightSpec } from '@flexgen/spec'

/** Layers, hidden size and heads of the OPT paper's sizes. */
const sizes = {
  'opt-125m': [12, 768, 12],
  'opt-1.3b': [24, 2048, 32],
  'opt-2.7b': [32, 2560, 32],
  'opt-6.7b': [32, 4096, 32],
  'opt-13b': [40, 5120, 40],
  'opt-30b': [48, 7168, 56],
  'opt-66b': [64, 9216, 72],
  'opt-175b': [96, 12288, 96],
} as const

/** Name of a size. */
export type OptName = keyof typeof sizes

/** An OPT model as the planner sees one: sizes and weights, no graphs. */
export function optModel(name: string): Model {
  const [layers, hidden, heads] = sizes[name as OptName]
  return decoderModel(name, { layers, hidden, heads, ffn: 4 * hidden, vocabulary: 50272, maxPositions: 2048 })
}

/** A decoder model of any size in the form of OPT. */
export function decoderModel(
  name: string,
  size: { layers: number; hidden: number; heads: number; ffn: number; vocabulary: number; maxPositions: number },
): Model {
  const { layers, hidden: h, heads, ffn, vocabulary, maxPositions } = size
  const blocks = Array.from({ length: layers }, (_, block): ScheduleLayer[] => [
    layer('attention', block, [weight('q', [3 * h, h]), weight('qb', [3 * h]), weight('o', [h, h]), ...norm(h)]),
    layer('mlp', block, [weight('fc1', [ffn, h]), weight('fb', [ffn]), weight('fc2', [h, ffn]), ...norm(h)]),
  ])
  return {
    specificationVersion: 'v1',
    name,
    vocabularySize: vocabulary,
    hiddenSize: h,
    maxPositions,
    kvHeads: heads,
    headDim: h / heads,
    eosIds: [2],
    padId: 1,
    facts: { decoderLayers: layers, heads, ffnSize: ffn, parameters: layers * 12 * h * h + vocabulary * h },
    layers: [
      layer('embed', undefined, [
        { ...weight('token', [vocabulary, h]), access: 'rows' },
        weight('position', [maxPositions + 2, h]),
      ]),
      ...blocks.flat(),
      layer('head', undefined, [...norm(h), weight('logits', [vocabulary, h])]),
    ],
    headAllPositions: [],
  }
}

function layer(kind: ScheduleLayer['kind'], block: number | undefined, weights: readonly WeightSpec[]): ScheduleLayer {
  return { name: `${kind} ${block}`, kind, block, weights, stages: [] }
}

function weight(name: string, shape: number[]): WeightSpec {
  return { name, shape, parts: [{ tensor: name, shape }], access: 'whole' }
}

function norm(hidden: number): WeightSpec[] {
  return [weight('scale', [hidden]), weight('shift', [hidden])]
}
