import assert from 'node:assert/strict'
import {
  elementCount,
  type DType,
  type GraphNode,
  type GraphValue,
  type LayerGraph,
  type NodeOf,
  type OperatorName,
  operatorNames,
} from '@flexgen/spec'
import { createRandom, type Random } from '../kit/random.ts'
import { floatTensor, intTensor, type TensorData } from '../kit/tensor-data.ts'
import { dequantizeGroupCases, quantizeGroupCases } from './four-bit-cases.ts'
import { activation, graphOf, systemInputs, weight } from './graph-of.ts'

/** A graph of one operator with its inputs; weights are float32 values that the dtype of the graph holds exactly. */
export interface OperatorCase {
  readonly graph: LayerGraph
  readonly inputs: Readonly<Record<string, TensorData>>
}

/** Sizes of a case: x is `[batch, seq, width]`. */
export interface CaseSize {
  readonly batch: number
  readonly seq: number
  readonly width: number
}

/** Dtypes in which weights are tried. */
export type WeightDType = 'float32' | 'float16' | 'bfloat16'

/** Sizes that every operator is tried with: one token, one row, one position, odd widths, more than a tile of 64 or 128. */
export const caseSizes: readonly CaseSize[] = [
  { batch: 1, seq: 1, width: 8 },
  { batch: 1, seq: 5, width: 33 },
  { batch: 4, seq: 1, width: 64 },
  { batch: 3, seq: 7, width: 20 },
  { batch: 5, seq: 13, width: 130 },
]

type MakeCases = (random: Random, size: CaseSize, dtype: WeightDType) => OperatorCase[]

const dynamic = ['batch', 'seq'] as const

function values(random: Random, shape: readonly number[], spread = 1, shift = 0): TensorData {
  return floatTensor(
    shape,
    Float32Array.from({ length: elementCount(shape) }, () => (random.next() * 2 - 1) * spread + shift),
  )
}

/** Values on a coarse grid, so that equal ones occur. */
function withTies(random: Random, shape: readonly number[]): TensorData {
  return floatTensor(
    shape,
    Float32Array.from({ length: elementCount(shape) }, () => random.integer(-8, 8) / 4),
  )
}

function weightValues(random: Random, shape: readonly number[], dtype: WeightDType): TensorData {
  return floatTensor(
    shape,
    Float32Array.from({ length: elementCount(shape) }, () => random.next() * 2 - 1),
    dtype,
  )
}

/** A case of one input x and one output y. */
function unary(
  node: GraphNode,
  size: CaseSize,
  x: TensorData,
  outWidth = size.width,
  outDtype: DType = 'float32',
): OperatorCase {
  return {
    graph: graphOf(
      [activation('x', [...dynamic, size.width])],
      [node],
      [activation('y', [...dynamic, outWidth], outDtype)],
    ),
    inputs: { x },
  }
}

function xOf(random: Random, { batch, seq, width }: CaseSize, spread = 1, shift = 0): TensorData {
  return values(random, [batch, seq, width], spread, shift)
}

function elementwise(operator: 'Add' | 'Mul'): MakeCases {
  return (random, size) => {
    const shape = [...dynamic, size.width]
    const node = { operator, inputs: ['a', 'b'], outputs: ['y'], attributes: {} }
    const graph = graphOf([activation('a', shape), activation('b', shape)], [node], [activation('y', shape)])
    return [{ graph, inputs: { a: xOf(random, size), b: xOf(random, size) } }]
  }
}

function activationFunction(operator: 'Relu' | 'Silu' | 'Softmax'): MakeCases {
  return (random, size) =>
    [1, 30, 3000].map((spread) =>
      unary({ operator, inputs: ['x'], outputs: ['y'], attributes: {} }, size, xOf(random, size, spread)),
    )
}

function normalization(operator: 'LayerNormalization' | 'RMSNormalization'): MakeCases {
  return (random, size, dtype) =>
    [
      { epsilon: 1e-5, x: xOf(random, size, 2, 1) },
      { epsilon: 0.1, x: xOf(random, size, 2, 1) },
      // Rows without variance, or of zeros: only epsilon is left below the line.
      {
        epsilon: 1e-5,
        x: values(random, [size.batch, size.seq, size.width], 0, operator === 'LayerNormalization' ? 2 : 0),
      },
    ].map(({ epsilon, x }) => {
      const names = operator === 'LayerNormalization' ? ['scale', 'bias'] : ['scale']
      const node = { operator, inputs: ['x', ...names], outputs: ['y'], attributes: { epsilon } }
      const shape = [...dynamic, size.width]
      const weights = names.map((name): [string, TensorData] => [name, weightValues(random, [size.width], dtype)])
      return {
        graph: graphOf(
          [activation('x', shape), ...names.map((name) => weight(name, [size.width], dtype))],
          [node],
          [activation('y', shape)],
        ),
        inputs: { x, ...Object.fromEntries(weights) },
      }
    })
}

function linear(random: Random, size: CaseSize, dtype: WeightDType): OperatorCase[] {
  const outWidth = size.width + 5
  return [true, false].flatMap((transposed) =>
    [true, false].map((hasBias) => {
      const shape = transposed ? [outWidth, size.width] : [size.width, outWidth]
      const weights: GraphValue[] = [weight('w', shape, dtype)]
      if (hasBias) weights.push(weight('b', [outWidth], dtype))
      const node: NodeOf<'Linear'> = {
        operator: 'Linear',
        inputs: ['x', ...weights.map((value) => value.name)],
        outputs: ['y'],
        attributes: { transposed },
      }
      const inputs = weights.map((value): [string, TensorData] => [
        value.name,
        weightValues(random, value.shape as number[], dtype),
      ])
      return {
        graph: graphOf(
          [activation('x', [...dynamic, size.width]), ...weights],
          [node],
          [activation('y', [...dynamic, outWidth])],
        ),
        inputs: { x: xOf(random, size), ...Object.fromEntries(inputs) },
      }
    }),
  )
}

function gather(random: Random, size: CaseSize, dtype: WeightDType): OperatorCase[] {
  const rows = 11
  return [0, 2].map((indexOffset) => {
    const node: NodeOf<'Gather'> = {
      operator: 'Gather',
      inputs: ['table', 'ids'],
      outputs: ['y'],
      attributes: { indexOffset },
    }
    const last = rows - 1 - indexOffset
    const ids = Array.from({ length: size.batch * size.seq }, () => random.integer(0, last))
    // The first row and the last, in either order.
    if (ids.length > 1) ids.splice(0, 2, -indexOffset, last)
    return {
      graph: graphOf(
        [weight('table', [rows, size.width], dtype), { name: 'ids', dtype: 'int32', shape: dynamic, role: 'system' }],
        [node],
        [activation('y', [...dynamic, size.width])],
      ),
      inputs: { table: weightValues(random, [rows, size.width], dtype), ids: intTensor([size.batch, size.seq], ids) },
    }
  })
}

function split(random: Random, size: CaseSize): OperatorCase[] {
  const sizes = [3, size.width - 5, 2]
  const outputs = sizes.map((width, i) => activation(`y${i}`, [...dynamic, width]))
  const node: NodeOf<'Split'> = {
    operator: 'Split',
    inputs: ['x'],
    outputs: outputs.map((output) => output.name),
    attributes: { sizes },
  }
  return [
    { graph: graphOf([activation('x', [...dynamic, size.width])], [node], outputs), inputs: { x: xOf(random, size) } },
  ]
}

/** Ragged rows that start anywhere: positions, lengths, and right padding where a row is short. */
function raggedRows(random: Random, { batch, seq }: CaseSize): { positions: TensorData; lengths: TensorData } {
  const starts = Array.from({ length: batch }, () => random.integer(0, 40))
  const lengths = starts.map((start) => start + random.integer(1, seq))
  const positions = starts.flatMap((start) => Array.from({ length: seq }, (_, i) => start + i))
  return { positions: intTensor([batch, seq], positions), lengths: intTensor([batch], lengths) }
}

function rotary(random: Random, size: CaseSize): OperatorCase[] {
  const shapes = [
    { heads: 3, headDim: 8, rotaryDim: 8, interleaved: false },
    { heads: 2, headDim: 10, rotaryDim: 6, interleaved: false },
    { heads: 2, headDim: 8, rotaryDim: 8, interleaved: true },
    { heads: 1, headDim: 6, rotaryDim: 4, interleaved: true },
  ]
  return shapes.map((shape) => {
    const width = shape.heads * shape.headDim
    const node: NodeOf<'RotaryEmbedding'> = {
      operator: 'RotaryEmbedding',
      inputs: ['x', 'positions'],
      outputs: ['y'],
      attributes: { ...shape, theta: 10_000 },
    }
    return {
      graph: graphOf(
        [activation('x', [...dynamic, width]), systemInputs[0]!],
        [node],
        [activation('y', [...dynamic, width])],
      ),
      inputs: { x: xOf(random, { ...size, width }), positions: raggedRows(random, size).positions },
    }
  })
}

function lastPosition(random: Random, size: CaseSize): OperatorCase[] {
  const node: NodeOf<'LastPosition'> = { operator: 'LastPosition', inputs: ['x'], outputs: ['y'], attributes: {} }
  const x = activation('x', [...dynamic, size.width])
  return [
    {
      graph: graphOf([x, ...systemInputs], [node], [activation('y', ['batch', 1, size.width])]),
      inputs: { x: xOf(random, size), ...raggedRows(random, size) },
    },
  ]
}

function argMax(random: Random, size: CaseSize): OperatorCase[] {
  const node: NodeOf<'ArgMax'> = { operator: 'ArgMax', inputs: ['x'], outputs: ['y'], attributes: {} }
  const x = withTies(random, [size.batch, size.seq, size.width])
  return [
    {
      graph: graphOf([activation('x', [...dynamic, size.width])], [node], [activation('y', dynamic, 'int32')]),
      inputs: { x },
    },
  ]
}

function topK(random: Random, size: CaseSize): OperatorCase[] {
  return [1, 5, size.width].map((k) => {
    const node: NodeOf<'TopK'> = { operator: 'TopK', inputs: ['x'], outputs: ['values', 'indices'], attributes: { k } }
    const outputs = [activation('values', [...dynamic, k]), activation('indices', [...dynamic, k], 'int32')]
    return {
      graph: graphOf([activation('x', [...dynamic, size.width])], [node], outputs),
      inputs: { x: withTies(random, [size.batch, size.seq, size.width]) },
    }
  })
}

function sample(random: Random, { batch, width }: CaseSize): OperatorCase[] {
  const attributes = [
    { temperature: 1, topK: 0, topP: 1 },
    { temperature: 0.5, topK: 3, topP: 1 },
    { temperature: 1.5, topK: 0, topP: 0.7 },
    { temperature: 0.8, topK: 6, topP: 0.6 },
    // One candidate, whatever the number.
    { temperature: 1, topK: 1, topP: 1 },
    { temperature: 1, topK: 0, topP: 1e-6 },
  ]
  return attributes.map((attribute) => {
    const node: NodeOf<'Sample'> = {
      operator: 'Sample',
      inputs: ['logits', 'uniform'],
      outputs: ['ids'],
      attributes: attribute,
    }
    const uniform: GraphValue = { name: 'uniform', dtype: 'float32', shape: ['batch'], role: 'system' }
    return {
      graph: graphOf(
        [activation('logits', ['batch', 1, width]), uniform],
        [node],
        [activation('ids', ['batch', 1], 'int32')],
      ),
      inputs: {
        logits: values(random, [batch, 1, width], 3),
        uniform: floatTensor(
          [batch],
          Float32Array.from({ length: batch }, () => random.next()),
        ),
      },
    }
  })
}

/** Makes the cases of every operator but Attention, which has a suite of its own. */
export const operatorCases: Readonly<Partial<Record<OperatorName, MakeCases>>> = {
  Gather: gather,
  Linear: linear,
  Add: elementwise('Add'),
  Mul: elementwise('Mul'),
  LayerNormalization: normalization('LayerNormalization'),
  RMSNormalization: normalization('RMSNormalization'),
  Relu: activationFunction('Relu'),
  Gelu: (random, size) =>
    (['none', 'tanh'] as const).flatMap((approximate) =>
      [5, 3000].map((spread) =>
        unary(
          { operator: 'Gelu', inputs: ['x'], outputs: ['y'], attributes: { approximate } },
          size,
          xOf(random, size, spread),
        ),
      ),
    ),
  Silu: activationFunction('Silu'),
  Softmax: activationFunction('Softmax'),
  Split: split,
  RotaryEmbedding: rotary,
  LastPosition: lastPosition,
  ArgMax: argMax,
  TopK: topK,
  Sample: sample,
  QuantizeGroup: quantizeGroupCases,
  DequantizeGroup: dequantizeGroupCases,
}

/** Operators whose inputs hold weights. */
export const weightOperators: readonly OperatorName[] = ['Gather', 'Linear', 'LayerNormalization', 'RMSNormalization']

/** All cases of an operator but Attention, the same in every run. */
export function casesOf(operator: OperatorName, dtype: WeightDType): OperatorCase[] {
  const make = operatorCases[operator]
  assert.ok(make !== undefined, `this kit has no case for ${operator} yet: do not declare it`)
  const random = createRandom(operatorNames.indexOf(operator) + 1)
  return caseSizes.flatMap((size) => make(random, size, dtype))
}
