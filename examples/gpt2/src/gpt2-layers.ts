import type { GraphNode, Stage, WeightSpec } from '@flexgen/spec'
import type { Gpt2Config } from './gpt2-config.ts'
import {
  addNode,
  conv1dNode,
  conv1dWeights,
  denseStage,
  flow,
  normNode,
  normWeights,
  system,
  weight,
} from './graph-parts.ts'

/** Weights of a layer, and what is computed with them. */
export interface LayerParts {
  readonly weights: readonly WeightSpec[]
  readonly stages: readonly Stage[]
}

/** Row of the token table plus row of the position table. */
export function embedParts(config: Gpt2Config, prefix: string): LayerParts {
  const { vocabularySize, hiddenSize, maxPositions } = config
  const weights: WeightSpec[] = [
    // Of a table of which each run needs some rows, only those rows move.
    { ...weight('tokens', `${prefix}wte.weight`, [vocabularySize, hiddenSize]), access: 'rows' },
    weight('places', `${prefix}wpe.weight`, [maxPositions, hiddenSize]),
  ]
  const nodes: GraphNode[] = [
    { operator: 'Gather', inputs: ['tokens', 'ids'], outputs: ['token_rows'], attributes: { indexOffset: 0 } },
    { operator: 'Gather', inputs: ['places', 'positions'], outputs: ['place_rows'], attributes: { indexOffset: 0 } },
    addNode('token_rows', 'place_rows', 'hidden'),
  ]
  const inputs = [system.ids, system.positions]
  return { weights, stages: [denseStage('embed', inputs, weights, nodes, [flow('hidden', hiddenSize, 'hidden')])] }
}

/** Norm and q, k, v from one matrix; attention, where the KV lives; projection and residual sum. */
export function attentionParts(config: Gpt2Config, block: string): LayerParts {
  const { hiddenSize, heads, epsilon } = config
  const headDim = hiddenSize / heads
  const weights = [
    ...normWeights('norm', `${block}ln_1`, hiddenSize),
    ...conv1dWeights('qkv', `${block}attn.c_attn`, hiddenSize, 3 * hiddenSize),
    ...conv1dWeights('out', `${block}attn.c_proj`, hiddenSize, hiddenSize),
  ]
  const hidden = flow('hidden', hiddenSize, 'hidden')
  const qkv = ['q', 'k', 'v'].map((name) => flow(name, hiddenSize, 'activation'))
  const attended = flow('attended', hiddenSize, 'activation')
  const project: GraphNode[] = [
    normNode('norm', 'hidden', 'normed', epsilon),
    conv1dNode('qkv', 'normed', 'fused'),
    {
      operator: 'Split',
      inputs: ['fused'],
      outputs: ['q', 'k', 'v'],
      attributes: { sizes: [hiddenSize, hiddenSize, hiddenSize] },
    },
  ]
  const attend: GraphNode = {
    operator: 'Attention',
    inputs: ['q', 'k', 'v'],
    outputs: ['attended'],
    attributes: { cache: 'kv', heads, kvHeads: heads, headDim, scale: headDim ** -0.5, sparsity: 1 },
  }
  const output = [conv1dNode('out', 'attended', 'projected'), addNode('hidden', 'projected', 'hidden_out')]
  return {
    weights,
    stages: [
      denseStage('attention.project', [hidden], weights, project, qkv),
      {
        kind: 'attention',
        graph: {
          name: 'attention.attend',
          inputs: [...qkv, system.positions, system.lengths],
          outputs: [attended],
          caches: [{ name: 'kv', kvHeads: heads, headDim }],
          nodes: [attend],
        },
      },
      denseStage('attention.output', [attended, hidden], weights, output, [flow('hidden_out', hiddenSize, 'hidden')]),
    ],
  }
}

/** Norm, up, activation, down, residual sum. */
export function mlpParts(config: Gpt2Config, block: string): LayerParts {
  const { hiddenSize, ffnSize, epsilon } = config
  const weights = [
    ...normWeights('norm', `${block}ln_2`, hiddenSize),
    ...conv1dWeights('up', `${block}mlp.c_fc`, hiddenSize, ffnSize),
    ...conv1dWeights('down', `${block}mlp.c_proj`, ffnSize, hiddenSize),
  ]
  const nodes: GraphNode[] = [
    normNode('norm', 'hidden', 'normed', epsilon),
    conv1dNode('up', 'normed', 'inner'),
    { operator: 'Gelu', inputs: ['inner'], outputs: ['active'], attributes: { approximate: 'tanh' } },
    conv1dNode('down', 'active', 'projected'),
    addNode('hidden', 'projected', 'hidden_out'),
  ]
  const [hidden, out] = ['hidden', 'hidden_out'].map((name) => flow(name, hiddenSize, 'hidden'))
  return { weights, stages: [denseStage('mlp', [hidden!], weights, nodes, [out!])] }
}

/** Norm and logits: of every position, or of the last one, which is then taken before anything is computed. */
export function headParts(config: Gpt2Config, prefix: string, positions: 'last' | 'all'): LayerParts {
  const { vocabularySize, hiddenSize, epsilon, tied } = config
  const matrix = tied ? `${prefix}wte.weight` : 'lm_head.weight'
  const weights = [
    ...normWeights('norm', `${prefix}ln_f`, hiddenSize),
    weight('vocabulary', matrix, [vocabularySize, hiddenSize]),
  ]
  const isLast = positions === 'last'
  const nodes: GraphNode[] = [
    ...(isLast ? [{ operator: 'LastPosition', inputs: ['hidden'], outputs: ['last'], attributes: {} } as const] : []),
    normNode('norm', isLast ? 'last' : 'hidden', 'normed', epsilon),
    // The token table is `[outputs, inputs]`: `x W^T`.
    { operator: 'Linear', inputs: ['normed', 'vocabulary'], outputs: ['logits'], attributes: { transposed: true } },
  ]
  const inputs = [flow('hidden', hiddenSize, 'hidden'), ...(isLast ? [system.positions, system.lengths] : [])]
  // float32 whatever the run computes in: half formats would make ties of close logits.
  const logits = { ...flow('logits', vocabularySize, 'activation'), dtype: 'float32' } as const
  const outputs = [isLast ? { ...logits, shape: ['batch', 1, vocabularySize] as const } : logits]
  return { weights, stages: [denseStage(`head.${positions}`, inputs, weights, nodes, outputs)] }
}
