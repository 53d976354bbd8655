import { type Random, floatTensor, intTensor, type TensorData } from '@flexgen/conformance'
import { type DType, elementCount, type GraphNode, type GraphValue, type LayerGraph } from '@flexgen/spec'

/** A graph with its inputs. */
export interface GraphCase {
  readonly what: string
  readonly graph: LayerGraph
  readonly inputs: Readonly<Record<string, TensorData>>
}

/** Float dtypes of tests. */
export type FloatDType = 'float32' | 'float16' | 'bfloat16'

/** Random values in [-1, 1). */
export function randomTensor(random: Random, shape: readonly number[], dtype: FloatDType = 'float32'): TensorData {
  const values = Float32Array.from({ length: elementCount(shape) }, () => random.next() * 2 - 1)
  return floatTensor(shape, values, dtype)
}

/** A value of a graph whose batch and seq are open. */
export function activation(name: string, width: number, dtype: DType = 'float32'): GraphValue {
  return { name, dtype, shape: ['batch', 'seq', width], role: 'activation' }
}

/** A weight. */
export function weight(name: string, shape: readonly number[], dtype: DType): GraphValue {
  return { name, dtype, shape, role: 'weight' }
}

const system: readonly GraphValue[] = [
  { name: 'positions', dtype: 'int32', shape: ['batch', 'seq'], role: 'system' },
  { name: 'lengths', dtype: 'int32', shape: ['batch'], role: 'system' },
]

/** y = act(x W^T + b) + r, as much of it as chance has it. */
export function linearCase(random: Random, dtype: FloatDType, compute: FloatDType = 'float32'): GraphCase {
  const rows = random.pick([1, 2, 3, 4, 5, 7, 8, 13, 64, 65, 97, 130])
  const [inner, out] = [random.integer(1, 500), random.integer(1, 300)]
  const transposed = random.integer(0, 3) > 0
  const shape = transposed ? [out, inner] : [inner, out]
  const inputs: GraphValue[] = [activation('x', inner, compute), weight('w', shape, dtype)]
  const tensors: Record<string, TensorData> = {
    x: randomTensor(random, [1, rows, inner], compute),
    w: randomTensor(random, shape, dtype),
  }
  if (random.integer(0, 1) === 1) {
    inputs.push(weight('b', [out], dtype))
    tensors['b'] = randomTensor(random, [out], dtype)
  }
  const linearInputs = inputs.map(({ name }) => name)
  const nodes: GraphNode[] = [
    { operator: 'Linear', inputs: linearInputs, outputs: ['z'], attributes: { transposed } },
    random.pick<GraphNode>([
      { operator: 'Relu', inputs: ['z'], outputs: ['a'], attributes: {} },
      { operator: 'Gelu', inputs: ['z'], outputs: ['a'], attributes: { approximate: 'none' } },
      { operator: 'Gelu', inputs: ['z'], outputs: ['a'], attributes: { approximate: 'tanh' } },
      { operator: 'Silu', inputs: ['z'], outputs: ['a'], attributes: {} },
    ]),
  ]
  if (random.integer(0, 1) === 1) {
    inputs.push(activation('r', out, compute))
    tensors['r'] = randomTensor(random, [1, rows, out], compute)
    nodes.push({
      operator: 'Add',
      inputs: random.pick([
        ['a', 'r'],
        ['r', 'a'],
      ]),
      outputs: ['y'],
      attributes: {},
    })
  } else nodes.push({ operator: 'Mul', inputs: ['a', 'a'], outputs: ['y'], attributes: {} })
  return {
    what: `linear [${rows}, ${inner}] ${transposed ? 'transposed ' : ''}to ${out}, ${dtype} weights`,
    graph: { name: 'linear', inputs, outputs: [activation('y', out, compute)], caches: [], nodes },
    inputs: tensors,
  }
}

/** Sizes of attention that take every way through the kernels. */
export interface AttentionSizes {
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly sparsity: number
  readonly maxPositions: number
  /** Position of the first new token, and new tokens, by row. */
  readonly rows: readonly (readonly [start: number, count: number])[]
}

/** Attention of new tokens behind what the cache holds. */
export function attentionCase(random: Random, sizes: AttentionSizes, compute: FloatDType = 'float32'): GraphCase {
  const { heads, kvHeads, headDim, sparsity, rows } = sizes
  const seq = Math.max(...rows.map(([, count]) => count), 1)
  const widths = { q: heads * headDim, k: kvHeads * headDim, v: kvHeads * headDim }
  const tensors = Object.entries(widths).map(([name, width]): [string, TensorData] => [
    name,
    randomTensor(random, [rows.length, seq, width], compute),
  ])
  const positions = rows.flatMap(([start]) => Array.from({ length: seq }, (_, i) => start + i))
  return {
    what: `attention ${JSON.stringify(sizes)}`,
    graph: {
      name: 'attention',
      inputs: [...Object.entries(widths).map(([name, width]) => activation(name, width, compute)), ...system],
      outputs: [activation('y', heads * headDim, compute)],
      caches: [{ name: 'kv', kvHeads, headDim }],
      nodes: [
        {
          operator: 'Attention',
          inputs: ['q', 'k', 'v'],
          outputs: ['y'],
          attributes: { cache: 'kv', heads, kvHeads, headDim, scale: 4 * headDim ** -0.5, sparsity },
        },
      ],
    },
    inputs: {
      ...Object.fromEntries(tensors),
      positions: intTensor([rows.length, seq], positions),
      lengths: intTensor(
        [rows.length],
        rows.map(([start, count]) => start + count),
      ),
    },
  }
}
