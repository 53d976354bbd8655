import { type DType, operatorNames } from '@flexgen/spec'
import {
  type Defect,
  renamed,
  withAttributes,
  withBinding,
  withGraph,
  withNodes,
  withResults,
} from '../broken-backend.ts'
import { agree, scenarios } from './titles.ts'

const weightOperators = ['Gather', 'Linear', 'LayerNormalization', 'RMSNormalization']
const layers = (...dtypes: string[]): string[] =>
  dtypes.flatMap((dtype) =>
    ['all weights bound', 'all weights prepared', 'some weights prepared'].map(
      (how) => `a decoder layer agrees with the oracle: ${dtype}, ${how}`,
    ),
  )
/** Wrong numbers. */
export const computing: readonly Defect[] = [
  [
    'results are one percent off',
    [
      ...agree(...operatorNames.filter((name) => !/Attention|Group/.test(name))),
      ...scenarios,
      'Attention with a float32 cache agrees with the oracle, or is refused',
      'Linear with q4g64 weights agrees with the oracle, or is refused',
      'Linear with q4g64c weights agrees with the oracle, or is refused',
      'Gather with q4g64 weights agrees with the oracle, or is refused',
      'Attention takes rows that held longer sequences before',
      ...layers('float32'),
      'values with several readers agree with the oracle, outputs that are read among them',
    ],
    withResults(({ floats, ints }) => {
      for (const i of floats.keys()) floats[i]! *= 1.01
      for (const i of ints.keys()) ints[i]! += 1
    }),
  ],
  [
    'results depend on the batch',
    ['a row of a batch gives what it gives alone'],
    withResults(({ floats, shape }) => {
      for (const i of floats.keys()) floats[i]! *= 1 + shape[0]! / 100
    }),
  ],
  [
    'results depend on the runs before',
    ['one kernel serves runs of any batch and length', 'a binding is changed from run to run'],
    withResults(({ floats, run }) => {
      for (const i of floats.keys()) floats[i]! *= 1 + run / 100
    }),
  ],
  [
    'results are longer than their shape',
    ['a span may be longer than its tensor'],
    withResults(({ bytes, floats }) => bytes.subarray(floats.byteLength).fill(0)),
  ],
  ['a table offset is ignored', agree('Gather'), withAttributes('Gather', () => ({ indexOffset: 0 }))],
  [
    'a bias is dropped',
    agree('Linear'),
    withNodes(({ operator, inputs }) => (operator === 'Linear' ? { inputs: inputs.slice(0, 2) } : {})),
  ],
  ['Add multiplies', agree('Add'), renamed('Add', 'Mul')],
  ['Mul adds', agree('Mul'), renamed('Mul', 'Add')],
  [
    'a large epsilon',
    agree('LayerNormalization'),
    withAttributes('LayerNormalization', (a) => ({ epsilon: 2 * a['epsilon']! })),
  ],
  ['another epsilon', agree('RMSNormalization'), withAttributes('RMSNormalization', () => ({ epsilon: 0.05 }))],
  ['Relu is smooth', agree('Relu'), renamed('Relu', 'Silu')],
  ['Silu is hard', agree('Silu'), renamed('Silu', 'Relu')],
  ['Gelu is approximate', agree('Gelu'), withAttributes('Gelu', () => ({ approximate: 'tanh' }))],
  ['Softmax does nothing much', agree('Softmax'), renamed('Softmax', 'Relu')],
  ['another theta', agree('RotaryEmbedding'), withAttributes('RotaryEmbedding', () => ({ theta: 9000 }))],
  [
    'pairs of the other kind',
    agree('RotaryEmbedding'),
    withAttributes('RotaryEmbedding', () => ({ interleaved: true })),
  ],
  ['temperature is ignored', agree('Sample'), withAttributes('Sample', () => ({ temperature: 1 }))],
  ['topK is ignored', agree('Sample'), withAttributes('Sample', () => ({ topK: 0 }))],
  ['topP is ignored', agree('Sample'), withAttributes('Sample', () => ({ topP: 1 }))],
  [
    'half weights are read as the other kind',
    [
      ...agree(...weightOperators.flatMap((name) => [`${name} with float16 weights`, `${name} with bfloat16 weights`])),
      ...layers('float16', 'bfloat16'),
    ],
    withGraph(({ inputs }) => {
      const other: Readonly<Record<string, DType>> = { float16: 'bfloat16', bfloat16: 'float16' }
      return { inputs: inputs.map((input) => ({ ...input, dtype: other[input.dtype] ?? input.dtype })) }
    }),
  ],
  [
    'weights are read from a multiple of four bytes',
    agree(...weightOperators.map((name) => `${name} with weights at odd byte offsets`)),
    withBinding(({ set }) => ({
      set: (name, span, shape) => set(name, { ...span, byteOffset: span.byteOffset - (span.byteOffset % 4) }, shape),
    })),
  ],
  [
    'tables must be whole',
    ['Gather reads from a table of some rows only'],
    withBinding(({ set }, { inputs }) => ({
      set: (name, span, shape) => set(name, span, (inputs.find((i) => i.name === name)?.shape as number[]) ?? shape),
    })),
  ],
]
