import type { DType, GraphNode, GraphValue, LayerGraph } from '@flexgen/spec'

function value(name: string, width: number, dtype: DType, role: GraphValue['role'] = 'activation'): GraphValue {
  return { name, dtype, shape: ['batch', 'seq', width], role }
}

function weight(name: string, shape: readonly number[], dtype: DType): GraphValue {
  return { name, dtype, shape, role: 'weight' }
}

function norm(input: string, output: string): GraphNode {
  return {
    operator: 'LayerNormalization',
    inputs: [input, 'scale', 'shift'],
    outputs: [output],
    attributes: { epsilon: 1e-5 },
  }
}

const norms = (width: number, dtype: DType): GraphValue[] => [
  weight('scale', [width], dtype),
  weight('shift', [width], dtype),
]

/** Names of the matrices of a graph of products. */
export function productWeights(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `w${i}`)
}

/**
 * Products with a bias, one after the other, `[rows, width] x [width, width]`, as a checkpoint lays matrices out.
 * @param count how many; their matrices are named by `productWeights`
 */
export function productGraph(width: number, dtype: DType, weightDtype: DType, count: number): LayerGraph {
  const names = productWeights(count)
  const valueOf = (i: number): string => (i === count ? 'y' : i === 0 ? 'x' : `x${i}`)
  return {
    name: 'product',
    inputs: [
      value('x', width, dtype, 'hidden'),
      ...names.map((name) => weight(name, [width, width], weightDtype)),
      weight('b', [width], dtype),
    ],
    outputs: [value('y', width, dtype, 'hidden')],
    caches: [],
    nodes: names.map((name, i) => ({
      operator: 'Linear',
      inputs: [valueOf(i), name, 'b'],
      outputs: [valueOf(i + 1)],
      attributes: { transposed: true },
    })),
  }
}

/** Attention with a cache by itself. */
export function attentionGraph(heads: number, headDim: number, dtype: DType): LayerGraph {
  const width = heads * headDim
  return {
    name: 'attention',
    inputs: [
      ...['q', 'k', 'v'].map((name) => value(name, width, dtype)),
      { name: 'positions', dtype: 'int32', shape: ['batch', 'seq'], role: 'system' },
      { name: 'lengths', dtype: 'int32', shape: ['batch'], role: 'system' },
    ],
    outputs: [value('attended', width, dtype)],
    caches: [{ name: 'kv', kvHeads: heads, headDim }],
    nodes: [
      {
        operator: 'Attention',
        inputs: ['q', 'k', 'v'],
        outputs: ['attended'],
        attributes: { cache: 'kv', heads, kvHeads: heads, headDim, scale: headDim ** -0.5, sparsity: 1 },
      },
    ],
  }
}

/** What a decoder block does to a token besides products and attention: two norms, two sums, a cut, an activation. */
export function elementwiseGraph(width: number, dtype: DType): LayerGraph {
  return {
    name: 'elementwise',
    inputs: [
      value('x', width, dtype, 'hidden'),
      value('stacked', 3 * width, dtype),
      value('wide', 4 * width, dtype),
      ...norms(width, dtype),
    ],
    outputs: [
      value('y', width, dtype, 'hidden'),
      ...['q', 'k', 'v'].map((name) => value(name, width, dtype)),
      value('active', 4 * width, dtype),
    ],
    caches: [],
    nodes: [
      norm('x', 'n1'),
      { operator: 'Add', inputs: ['x', 'n1'], outputs: ['s1'], attributes: {} },
      norm('s1', 'n2'),
      { operator: 'Add', inputs: ['s1', 'n2'], outputs: ['y'], attributes: {} },
      {
        operator: 'Split',
        inputs: ['stacked'],
        outputs: ['q', 'k', 'v'],
        attributes: { sizes: [width, width, width] },
      },
      { operator: 'Relu', inputs: ['wide'], outputs: ['active'], attributes: {} },
    ],
  }
}

/** A feed-forward layer so small that only what a call costs is left. */
export function smallLayerGraph(width: number, dtype: DType): LayerGraph {
  return {
    name: 'small',
    inputs: [
      value('x', width, dtype, 'hidden'),
      ...norms(width, dtype),
      weight('w1', [width, width], dtype),
      weight('w2', [width, width], dtype),
    ],
    outputs: [value('y', width, dtype, 'hidden')],
    caches: [],
    nodes: [
      norm('x', 'n'),
      { operator: 'Linear', inputs: ['n', 'w1'], outputs: ['h'], attributes: { transposed: true } },
      { operator: 'Relu', inputs: ['h'], outputs: ['a'], attributes: {} },
      { operator: 'Linear', inputs: ['a', 'w2'], outputs: ['o'], attributes: { transposed: true } },
      { operator: 'Add', inputs: ['x', 'o'], outputs: ['y'], attributes: {} },
    ],
  }
}
