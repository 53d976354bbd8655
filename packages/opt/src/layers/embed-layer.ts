import type { GraphNode, ScheduleLayer, WeightSpec } from '@flexgen/spec'
import type { OptConfig } from '../config/opt-config.ts'
import type { OptTensorNames } from '../names/opt-tensor-names.ts'
import { hiddenValue, systemInputs, weightInputs } from './graph-values.ts'
import { addNode, linearNode } from './nodes.ts'
import { linearWeights, plainWeight } from './weight-specs.ts'

/** OPT's position table starts with two rows that no position uses (modeling_opt.py, `self.offset`). */
const positionOffset = 2

/** The token table, `[vocabulary, embedding size]`. */
export function tokenTable(config: OptConfig, names: OptTensorNames): WeightSpec {
  const shape = [config.vocabularySize, config.embeddingSize]
  return { ...plainWeight('tokens', names.decoder('embed_tokens.weight'), shape), access: 'rows' }
}

/** Ids to the hidden state: token row, projected to the hidden size where the table is narrower, plus position row. */
export function createEmbedLayer(config: OptConfig, names: OptTensorNames): ScheduleLayer {
  const { hiddenSize, embeddingSize, maxPositions } = config
  const isProjected = embeddingSize !== hiddenSize
  const weights = [
    tokenTable(config, names),
    plainWeight('places', names.decoder('embed_positions.weight'), [maxPositions + positionOffset, hiddenSize]),
    ...(isProjected ? linearWeights('in', names.decoder('project_in'), [hiddenSize, embeddingSize], false) : []),
  ]
  const nodes: GraphNode[] = [
    { operator: 'Gather', inputs: ['tokens', 'ids'], outputs: ['token_rows'], attributes: { indexOffset: 0 } },
    ...(isProjected ? [linearNode('in', false, 'token_rows', 'projected')] : []),
    {
      operator: 'Gather',
      inputs: ['places', 'positions'],
      outputs: ['place_rows'],
      attributes: { indexOffset: positionOffset },
    },
    addNode(isProjected ? 'projected' : 'token_rows', 'place_rows', 'hidden'),
  ]
  const graph = {
    name: 'embed',
    inputs: [systemInputs.ids, systemInputs.positions, ...weightInputs(weights)],
    outputs: [hiddenValue('hidden', hiddenSize)],
    caches: [],
    nodes,
  }
  return { name: 'embed', kind: 'embed', block: undefined, weights, stages: [{ kind: 'dense', graph }] }
}
