import type { GraphNode, GraphValue, Stage, WeightSpec } from '@flexgen/spec'
import type { OptConfig } from '../config/opt-config.ts'
import type { OptTensorNames } from '../names/opt-tensor-names.ts'
import { hiddenValue, systemInputs, weightInputs } from './graph-values.ts'
import { linearNode, normNode } from './nodes.ts'
import { linearWeights, plainWeight } from './weight-specs.ts'

/**
 * Weights of the head: the final norm and `project_out` where the model has them, and the vocabulary matrix.
 * @param vocabularyTensor the token table where the head is tied to it, the head's own matrix otherwise
 */
export function headWeights(config: OptConfig, names: OptTensorNames, vocabularyTensor: string): WeightSpec[] {
  const { hiddenSize, embeddingSize, vocabularySize } = config
  const norm = config.finalNorm
    ? [
        plainWeight('norm.scale', names.finalNorm('weight'), [hiddenSize]),
        plainWeight('norm.bias', names.finalNorm('bias'), [hiddenSize]),
      ]
    : []
  const project =
    embeddingSize === hiddenSize
      ? []
      : linearWeights('out', names.decoder('project_out'), [embeddingSize, hiddenSize], false)
  return [...norm, ...project, plainWeight('vocabulary.weight', vocabularyTensor, [vocabularySize, embeddingSize])]
}

/**
 * The head as one stage, to logits `[batch, 1, vocabulary]` of the last token, or `[batch, seq, vocabulary]` of all.
 * The last token is taken first, so that nothing else is computed.
 */
export function headStages(config: OptConfig, weights: readonly WeightSpec[], positions: 'last' | 'all'): Stage[] {
  const { hiddenSize, vocabularySize } = config
  const isLast = positions === 'last'
  const nodes: GraphNode[] = []
  let value = 'hidden'
  const push = (output: string, node: (input: string) => GraphNode): void => {
    nodes.push(node(value))
    value = output
  }
  if (isLast) {
    push('last', (input) => ({ operator: 'LastPosition', inputs: [input], outputs: ['last'], attributes: {} }))
  }
  if (config.finalNorm) push('normed', (input) => normNode('norm', input, 'normed'))
  if (config.embeddingSize !== hiddenSize) push('projected', (input) => linearNode('out', false, input, 'projected'))
  push('logits', (input) => linearNode('vocabulary', false, input, 'logits'))
  const logits: GraphValue = {
    name: 'logits',
    // Whatever the run computes in: half formats would make ties of close logits.
    dtype: 'float32',
    shape: ['batch', isLast ? 1 : 'seq', vocabularySize],
    role: 'activation',
  }
  const graph = {
    name: isLast ? 'head' : 'head.all',
    inputs: [
      hiddenValue('hidden', hiddenSize),
      ...(isLast ? [systemInputs.positions, systemInputs.lengths] : []),
      ...weightInputs(weights),
    ],
    outputs: [logits],
    caches: [],
    nodes,
  }
  return [{ kind: 'dense', graph }]
}
