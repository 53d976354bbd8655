import type { GraphNode, Stage, WeightSpec } from '@flexgen/spec'
import type { OptConfig } from '../config/opt-config.ts'
import { hiddenValue, weightInputs } from './graph-values.ts'
import { addNode, linearNode, normNode } from './nodes.ts'
import { linearWeights, normWeights } from './weight-specs.ts'

/**
 * Weights of the mlp half of a decoder block.
 * @param block prefix of the block's tensors, such as `model.decoder.layers.3.`
 */
export function mlpWeights(config: OptConfig, block: string): WeightSpec[] {
  const { hiddenSize, ffnSize, bias } = config
  return [
    ...normWeights('norm', `${block}final_layer_norm`, hiddenSize),
    ...linearWeights('up', `${block}fc1`, [ffnSize, hiddenSize], bias),
    ...linearWeights('down', `${block}fc2`, [hiddenSize, ffnSize], bias),
  ]
}

/** The one stage of the mlp half: (norm,) up, activation, down, residual sum (and norm). */
export function mlpStages(config: OptConfig, weights: readonly WeightSpec[]): Stage[] {
  const { hiddenSize, normBefore, bias } = config
  const nodes: GraphNode[] = [
    ...(normBefore ? [normNode('norm', 'hidden', 'normed')] : []),
    linearNode('up', bias, normBefore ? 'normed' : 'hidden', 'inner'),
    activationNode(config, 'inner', 'active'),
    linearNode('down', bias, 'active', 'projected'),
    addNode('hidden', 'projected', normBefore ? 'hidden_out' : 'sum'),
    ...(normBefore ? [] : [normNode('norm', 'sum', 'hidden_out')]),
  ]
  const graph = {
    name: 'mlp',
    inputs: [hiddenValue('hidden', hiddenSize), ...weightInputs(weights)],
    outputs: [hiddenValue('hidden_out', hiddenSize)],
    caches: [],
    nodes,
  }
  return [{ kind: 'dense', graph }]
}

function activationNode({ activation }: OptConfig, input: string, output: string): GraphNode {
  const ends = { inputs: [input], outputs: [output] }
  return activation === 'relu'
    ? { operator: 'Relu', ...ends, attributes: {} }
    : { operator: 'Gelu', ...ends, attributes: { approximate: 'none' } }
}
