import { elementCount, type GraphNode, type GroupDType, isGroupDType, type LayerGraph } from '@flexgen/spec'
import { randomGroupTensor } from '../kit/group-tensor.ts'
import { createRandom, randomFloats } from '../kit/random.ts'
import { floatTensor, intTensor, type TensorData } from '../kit/tensor-data.ts'
import { activation, graphOf, systemInputs, weight } from './graph-of.ts'
import type { WeightDType } from './operator-cases.ts'

const hidden = 24
const heads = 3
const ffn = 50

/** Attributes of the cache of the layer. */
export const layerCache: { readonly kvHeads: number; readonly headDim: number } = {
  kvHeads: heads,
  headDim: hidden / heads,
}

const weightShapes: Readonly<Record<string, readonly number[]>> = {
  norm1Scale: [hidden],
  norm1Bias: [hidden],
  qkvWeight: [3 * hidden, hidden],
  qkvBias: [3 * hidden],
  outWeight: [hidden, hidden],
  outBias: [hidden],
  norm2Scale: [hidden],
  norm2Bias: [hidden],
  fc1Weight: [ffn, hidden],
  fc1Bias: [ffn],
  fc2Weight: [hidden, ffn],
  fc2Bias: [hidden],
}

/** Names of the weights of the layer. */
export const layerWeightNames: readonly string[] = Object.keys(weightShapes)

const nodes: readonly GraphNode[] = [
  norm('x', 'norm1', 'n1'),
  linear('n1', 'qkv', 'qkv'),
  { operator: 'Split', inputs: ['qkv'], outputs: ['q', 'k', 'v'], attributes: { sizes: [hidden, hidden, hidden] } },
  {
    operator: 'Attention',
    inputs: ['q', 'k', 'v'],
    outputs: ['attended'],
    attributes: { cache: 'kv', heads, ...layerCache, scale: layerCache.headDim ** -0.5, sparsity: 1 },
  },
  linear('attended', 'out', 'projected'),
  { operator: 'Add', inputs: ['x', 'projected'], outputs: ['middle'], attributes: {} },
  norm('middle', 'norm2', 'n2'),
  linear('n2', 'fc1', 'wide'),
  { operator: 'Relu', inputs: ['wide'], outputs: ['active'], attributes: {} },
  linear('active', 'fc2', 'narrow'),
  { operator: 'Add', inputs: ['middle', 'narrow'], outputs: ['y'], attributes: {} },
]

function norm(x: string, name: string, y: string): GraphNode {
  return {
    operator: 'LayerNormalization',
    inputs: [x, `${name}Scale`, `${name}Bias`],
    outputs: [y],
    attributes: { epsilon: 1e-5 },
  }
}

function linear(x: string, name: string, y: string): GraphNode {
  return {
    operator: 'Linear',
    inputs: [x, `${name}Weight`, `${name}Bias`],
    outputs: [y],
    attributes: { transposed: true },
  }
}

/** Dtype of a weight of the layer: vectors are float32 where matrices have 4 bits. */
function dtypeOf(shape: readonly number[], dtype: WeightDType | GroupDType): WeightDType | GroupDType {
  return isGroupDType(dtype) && shape.length === 1 ? 'float32' : dtype
}

/** A whole decoder layer as OPT has it, with stacked q, k and v. */
export function optLikeLayer(dtype: WeightDType | GroupDType): LayerGraph {
  const x = activation('x', ['batch', 'seq', hidden])
  const weights = Object.entries(weightShapes).map(([name, shape]) => weight(name, shape, dtypeOf(shape, dtype)))
  return graphOf([x, ...systemInputs, ...weights], nodes, [{ ...x, name: 'y' }], [{ name: 'kv', ...layerCache }])
}

/** Inputs of a prefill of sequences of equal length, weights included. */
export function optLikeInputs(dtype: WeightDType | GroupDType, batch: number, seq: number): Record<string, TensorData> {
  const weights = Object.entries(weightShapes).map(([name, shape], i): [string, TensorData] => {
    const own = dtypeOf(shape, dtype)
    if (isGroupDType(own)) return [name, randomGroupTensor(createRandom(i + 1), shape, own)]
    const values = randomFloats(i + 1, elementCount(shape)).map((value) => value / 2)
    return [name, floatTensor(shape, values, own)]
  })
  return {
    x: floatTensor([batch, seq, hidden], randomFloats(99, batch * seq * hidden)),
    positions: intTensor(
      [batch, seq],
      Array.from({ length: batch * seq }, (_, i) => i % seq),
    ),
    lengths: intTensor(
      [batch],
      Array.from({ length: batch }, () => seq),
    ),
    ...Object.fromEntries(weights),
  }
}
