import {
  type GraphNode,
  type GraphValue,
  type LayerGraph,
  type Model,
  type ScheduleLayer,
  type Stage,
  tensorBytes,
  type TensorInfo,
  type WeightSource,
  type WeightSpec,
} from '@flexgen/spec'

const hiddenSize = 4
const vocabularySize = 10

const hidden = (name: string): GraphValue => ({
  name,
  dtype: 'compute',
  shape: ['batch', 'seq', hiddenSize],
  role: 'hidden',
})
const inner = (name: string, width: number): GraphValue => ({
  name,
  dtype: 'compute',
  shape: ['batch', 'seq', width],
  role: 'activation',
})
const system = (name: string): GraphValue => ({
  name,
  dtype: 'int32',
  shape: name === 'lengths' ? ['batch'] : ['batch', 'seq'],
  role: 'system',
})

function weightSpec(name: string, shape: readonly number[], tensors: readonly string[]): WeightSpec {
  const parts = tensors.map((tensor) => ({ tensor, shape: [shape[0]! / tensors.length, ...shape.slice(1)] }))
  return { name, shape, parts, access: 'whole' }
}

const input = ({ name, shape }: WeightSpec): GraphValue => ({ name, dtype: 'weight', shape, role: 'weight' })

function graph(
  name: string,
  inputs: GraphValue[],
  nodes: GraphNode[],
  outputs: GraphValue[],
  hasCache = false,
): LayerGraph {
  const caches = hasCache ? [{ name: 'kv', kvHeads: 2, headDim: 2 }] : []
  return { name, inputs, nodes, outputs, caches }
}

const linear = (x: string, weight: string, y: string): GraphNode => ({
  operator: 'Linear',
  inputs: [x, weight],
  outputs: [y],
  attributes: { transposed: true },
})
const addition = (a: string, b: string, y: string): GraphNode => ({
  operator: 'Add',
  inputs: [a, b],
  outputs: [y],
  attributes: {},
})

const table = weightSpec('table', [vocabularySize, hiddenSize], ['wte'])
const qkv = weightSpec('qkv', [3 * hiddenSize, hiddenSize], ['q', 'k', 'v'])
const up = weightSpec('up', [hiddenSize, hiddenSize], ['up'])

const dense = (stage: LayerGraph): Stage => ({ kind: 'dense', graph: stage })

const attentionLayer: ScheduleLayer = {
  name: 'block.0.attention',
  kind: 'attention',
  block: 0,
  weights: [qkv],
  stages: [
    dense(
      graph(
        'project',
        [hidden('x'), input(qkv)],
        [
          linear('x', 'qkv', 'all'),
          { operator: 'Split', inputs: ['all'], outputs: ['q', 'k', 'v'], attributes: { sizes: [4, 4, 4] } },
        ],
        [inner('q', 4), inner('k', 4), inner('v', 4)],
      ),
    ),
    {
      kind: 'attention',
      graph: graph(
        'attend',
        [inner('q', 4), inner('k', 4), inner('v', 4), system('positions'), system('lengths')],
        [
          {
            operator: 'Attention',
            inputs: ['q', 'k', 'v'],
            outputs: ['attended'],
            attributes: { cache: 'kv', heads: 2, kvHeads: 2, headDim: 2, scale: 1, sparsity: 1 },
          },
        ],
        [inner('attended', 4)],
        true,
      ),
    },
    dense(graph('residual', [hidden('x'), inner('attended', 4)], [addition('x', 'attended', 'y')], [hidden('y')])),
  ],
}

const mlpLayer: ScheduleLayer = {
  name: 'block.0.mlp',
  kind: 'mlp',
  block: 0,
  weights: [up],
  stages: [
    dense(
      graph('mlp', [hidden('x'), input(up)], [linear('x', 'up', 'wide'), addition('x', 'wide', 'y')], [hidden('y')]),
    ),
  ],
}

const logits = (positions: number | 'seq'): GraphValue => ({
  name: 'logits',
  dtype: 'compute',
  shape: ['batch', positions, vocabularySize],
  role: 'activation',
})

const headLast = graph(
  'head',
  [hidden('x'), input(table), system('positions'), system('lengths')],
  [{ operator: 'LastPosition', inputs: ['x'], outputs: ['last'], attributes: {} }, linear('last', 'table', 'logits')],
  [logits(1)],
)

/** A model of one block that nobody trained. */
export const toyModel: Model = {
  specificationVersion: 'v1',
  name: 'toy',
  vocabularySize,
  hiddenSize,
  maxPositions: 16,
  kvHeads: 2,
  headDim: 2,
  eosIds: [1],
  padId: 0,
  facts: { decoderLayers: 1, heads: 2, ffnSize: 4, parameters: 40 + 48 + 16 },
  layers: [
    {
      name: 'embed',
      kind: 'embed',
      block: undefined,
      weights: [table],
      stages: [
        dense(
          graph(
            'embed',
            [system('ids'), input(table)],
            [{ operator: 'Gather', inputs: ['table', 'ids'], outputs: ['y'], attributes: { indexOffset: 0 } }],
            [hidden('y')],
          ),
        ),
      ],
    },
    attentionLayer,
    mlpLayer,
    { name: 'head', kind: 'head', block: undefined, weights: [table], stages: [dense(headLast)] },
  ],
  headAllPositions: [
    dense(graph('head all', [hidden('x'), input(table)], [linear('x', 'table', 'logits')], [logits('seq')])),
  ],
}

/** Its tensors. */
export const toyTensors: Readonly<Record<string, Pick<TensorInfo, 'shape' | 'dtype'>>> = {
  wte: { shape: [vocabularySize, hiddenSize], dtype: 'float32' },
  q: { shape: [hiddenSize, hiddenSize], dtype: 'float32' },
  k: { shape: [hiddenSize, hiddenSize], dtype: 'float32' },
  v: { shape: [hiddenSize, hiddenSize], dtype: 'float32' },
  up: { shape: [hiddenSize, hiddenSize], dtype: 'float32' },
}

/** A checkpoint of zeros. */
export function createToySource(tensors: typeof toyTensors = toyTensors): WeightSource {
  return {
    specificationVersion: 'v1',
    description: 'zeros',
    tensors: new Map(
      Object.entries(tensors).map(([name, info]) => [
        name,
        { ...info, name, byteLength: tensorBytes(info.dtype, info.shape) },
      ]),
    ),
    extents: () => undefined,
    read: async () => {},
    [Symbol.asyncDispose]: async () => {},
  }
}
