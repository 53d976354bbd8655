import { type Backend, type GraphValue, type LayerGraph, operatorNames } from '@flexgen/spec'
import type { Tolerance } from '../kit/assert-close.ts'
import { createRandom } from '../kit/random.ts'
import { assertRefused } from '../kit/refusal.ts'
import { floatsOf, floatTensor, type TensorData } from '../kit/tensor-data.ts'
import type { BackendContext } from './backend-context.ts'
import { casesOf, type OperatorCase } from './operator-cases.ts'
import { layerCache, optLikeInputs, optLikeLayer } from './opt-like-layer.ts'
import { activation, graphOf, weight } from './graph-of.ts'
import { runGraph } from './run-graph.ts'

/** The half dtypes. */
export const halves = ['float16', 'bfloat16'] as const

/** A half dtype. */
export type Half = (typeof halves)[number]

/** How far half results may lie from float32: some roundings of 2^-11 and 2^-8, one after the other. */
export const halfTolerance: Readonly<Record<Half, Tolerance>> = {
  float16: { absolute: 2e-2, relative: 1e-2 },
  bfloat16: { absolute: 1.5e-1, relative: 6e-2 },
}

/** Logits are float32 whatever a graph computes in, so that samples of half logits are nothing to promise. */
const operators = operatorNames.filter((name) => name !== 'Attention' && name !== 'Sample')

/** Backends that declare a half compute dtype compute everything in it; others refuse it. */
export function halfSuite({ compare, assertSame }: BackendContext): void {
  for (const half of halves) {
    for (const operator of operators) {
      compare(`${operator} in ${half} agrees with the oracle, or is refused`, async (backend, oracle) => {
        if (!backend.capabilities.operators.has(operator)) return
        for (const [index, plain] of casesOf(operator, 'float32').entries()) {
          const narrow = narrowed(plain, half)
          if (!(await takes(backend, half, narrow.graph))) return
          assertSame(
            await runGraph(backend, narrow.graph, narrow.inputs),
            await runGraph(oracle, plain.graph, widened(narrow, plain)),
            `${operator} in ${half}, case ${index}`,
            halfTolerance[half],
          )
        }
      })
    }

    compare(`a decoder layer in ${half} agrees with the oracle, or is refused`, async (backend, oracle) => {
      const [batch, seq] = [3, 6]
      const plain = { graph: optLikeLayer('float32'), inputs: optLikeInputs('float32', batch, seq) }
      const narrow = narrowed(plain, half)
      if (!(await takes(backend, half, narrow.graph))) return
      assertSame(
        await runGraph(backend, narrow.graph, narrow.inputs, { caches: { kv: rowsOf(backend, half, batch, seq) } }),
        await runGraph(oracle, plain.graph, widened(narrow, plain), {
          caches: { kv: rowsOf(oracle, 'float32', batch, seq) },
        }),
        `a layer in ${half}`,
        halfTolerance[half],
      )
    })

    compare(`a graph in ${half} gives an output that asks for float32 in float32`, async (backend, oracle) => {
      const width = 40
      const plain: OperatorCase = {
        graph: graphOf(
          [activation('x', ['batch', 'seq', width]), weight('w', [width, width])],
          [{ operator: 'Linear', inputs: ['x', 'w'], outputs: ['y'], attributes: { transposed: true } }],
          [activation('y', ['batch', 'seq', width])],
        ),
        inputs: { x: randomTensor(1, [2, 3, width]), w: randomTensor(2, [width, width]) },
      }
      const narrow = narrowed(plain, half)
      const graph = { ...narrow.graph, outputs: plain.graph.outputs }
      if (!(await takes(backend, half, graph))) return
      // Whether it was rounded to the half dtype before is up to the backend: products of halves may come out as halves.
      assertSame(
        await runGraph(backend, graph, narrow.inputs),
        await runGraph(oracle, plain.graph, widened(narrow, plain)),
        `float32 of a graph in ${half}`,
        halfTolerance[half],
      )
    })
  }
}

/** Whether the backend declares the dtype; where it does not, it has to refuse the graph. */
async function takes(backend: Backend, half: Half, graph: LayerGraph): Promise<boolean> {
  if (backend.capabilities.computeDtypes.includes(half)) return true
  await assertRefused(`activations of ${half}`, () => backend.compile(graph), ['UNSUPPORTED_DATA'])
  return false
}

/** A case with activations and weights in a half dtype, their values rounded. */
export function narrowed({ graph, inputs }: OperatorCase, half: Half): OperatorCase {
  const isFloat = ({ dtype, role }: GraphValue): boolean => dtype === 'float32' && role !== 'system'
  const narrow = (value: GraphValue): GraphValue => (isFloat(value) ? { ...value, dtype: half } : value)
  const floats = new Set(graph.inputs.filter(isFloat).map(({ name }) => name))
  return {
    graph: { ...graph, inputs: graph.inputs.map(narrow), outputs: graph.outputs.map(narrow) },
    inputs: mapTensors(inputs, (tensor, name) =>
      floats.has(name) ? floatTensor(tensor.shape, floatsOf(tensor), half) : tensor,
    ),
  }
}

/** The rounded values in the dtypes of the plain case. */
function widened({ inputs }: OperatorCase, plain: OperatorCase): Record<string, TensorData> {
  return mapTensors(inputs, (tensor, name) =>
    tensor.dtype === plain.inputs[name]!.dtype ? tensor : floatTensor(tensor.shape, floatsOf(tensor)),
  )
}

function mapTensors(
  tensors: Readonly<Record<string, TensorData>>,
  change: (tensor: TensorData, name: string) => TensorData,
): Record<string, TensorData> {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, change(tensor, name)]))
}

function randomTensor(seed: number, shape: readonly number[]): TensorData {
  const random = createRandom(seed)
  const count = shape.reduce((product, size) => product * size, 1)
  return floatTensor(
    shape,
    Float32Array.from({ length: count }, () => random.next() * 2 - 1),
  )
}

function rowsOf(
  backend: Backend,
  dtype: Half | 'float32',
  batch: number,
  maxPositions: number,
): { cache: ReturnType<Backend['allocateCache']>; row: number }[] {
  const cache = backend.allocateCache({ ...layerCache, maxPositions, dtype }, batch)
  return Array.from({ length: batch }, (_, row) => ({ cache, row }))
}
