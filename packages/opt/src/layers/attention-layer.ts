import type { LayerGraph, Stage, WeightSpec } from '@flexgen/spec'
import type { OptConfig } from '../config/opt-config.ts'
import { activationValue, hiddenValue, systemInputs, weightInputs } from './graph-values.ts'
import { addNode, linearNode, normNode } from './nodes.ts'
import { linearWeights, normWeights, stackedWeight } from './weight-specs.ts'

/**
 * Weights of the attention half of a decoder block. q, k and v are one weight `[3 hidden size, hidden size]`.
 * @param block prefix of the block's tensors, such as `model.decoder.layers.3.`
 */
export function attentionWeights(config: OptConfig, block: string): WeightSpec[] {
  const { hiddenSize, bias } = config
  const projections = (kind: string): string[] =>
    ['q', 'k', 'v'].map((name) => `${block}self_attn.${name}_proj.${kind}`)
  return [
    ...normWeights('norm', `${block}self_attn_layer_norm`, hiddenSize),
    stackedWeight('qkv.weight', projections('weight'), [hiddenSize, hiddenSize]),
    ...(bias ? [stackedWeight('qkv.bias', projections('bias'), [hiddenSize])] : []),
    ...linearWeights('out', `${block}self_attn.out_proj`, [hiddenSize, hiddenSize], bias),
  ]
}

/** The stages of the attention half: norm and q, k, v; attention where the KV lives; output, residual sum (and norm). */
export function attentionStages(config: OptConfig, weights: readonly WeightSpec[]): Stage[] {
  const ofNames = (...names: string[]): WeightSpec[] =>
    weights.filter((weight) => names.includes(weight.name.slice(0, weight.name.indexOf('.'))))
  return [
    { kind: 'dense', graph: projectGraph(config, ofNames(...(config.normBefore ? ['norm', 'qkv'] : ['qkv']))) },
    { kind: 'attention', graph: attendGraph(config) },
    { kind: 'dense', graph: outputGraph(config, ofNames(...(config.normBefore ? ['out'] : ['out', 'norm']))) },
  ]
}

function projectGraph({ hiddenSize, normBefore, bias }: OptConfig, weights: readonly WeightSpec[]): LayerGraph {
  return {
    name: 'attention.project',
    inputs: [hiddenValue('hidden', hiddenSize), ...weightInputs(weights)],
    outputs: ['q', 'k', 'v'].map((name) => activationValue(name, hiddenSize)),
    caches: [],
    nodes: [
      ...(normBefore ? [normNode('norm', 'hidden', 'normed')] : []),
      linearNode('qkv', bias, normBefore ? 'normed' : 'hidden', 'stacked'),
      {
        operator: 'Split',
        inputs: ['stacked'],
        outputs: ['q', 'k', 'v'],
        attributes: { sizes: [hiddenSize, hiddenSize, hiddenSize] },
      },
    ],
  }
}

function attendGraph({ hiddenSize, heads }: OptConfig): LayerGraph {
  const headDim = hiddenSize / heads
  return {
    name: 'attention.attend',
    inputs: [
      ...['q', 'k', 'v'].map((name) => activationValue(name, hiddenSize)),
      systemInputs.positions,
      systemInputs.lengths,
    ],
    outputs: [activationValue('attended', hiddenSize)],
    caches: [{ name: 'kv', kvHeads: heads, headDim }],
    nodes: [
      {
        operator: 'Attention',
        inputs: ['q', 'k', 'v'],
        outputs: ['attended'],
        // transformers scales q after its bias, which is the same sum.
        attributes: { cache: 'kv', heads, kvHeads: heads, headDim, scale: headDim ** -0.5, sparsity: 1 },
      },
    ],
  }
}

function outputGraph({ hiddenSize, normBefore, bias }: OptConfig, weights: readonly WeightSpec[]): LayerGraph {
  return {
    name: 'attention.output',
    inputs: [activationValue('attended', hiddenSize), hiddenValue('hidden', hiddenSize), ...weightInputs(weights)],
    outputs: [hiddenValue('hidden_out', hiddenSize)],
    caches: [],
    nodes: [
      linearNode('out', bias, 'attended', 'projected'),
      addNode('hidden', 'projected', normBefore ? 'hidden_out' : 'sum'),
      ...(normBefore ? [] : [normNode('norm', 'sum', 'hidden_out')]),
    ],
  }
}
