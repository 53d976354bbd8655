import { readFile } from 'node:fs/promises'
import { assertClose, floatsOf, intsOf, intTensor, runGraph, runKernel, type TensorData } from '@flexgen/conformance'
import type { CacheRow, Dimension, DType, GraphNode, GraphValue, LayerGraph, NodeOf } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { createReferenceBackend } from '../src/index.ts'

/** A tensor of golden.json; values of half dtypes are bit patterns, those of 4-bit groups bytes. */
interface GoldenTensor {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly values: readonly number[]
}

interface Golden {
  readonly cases: readonly {
    readonly name: string
    readonly operator: GraphNode['operator']
    readonly attributes: object
    readonly nodeInputs: readonly string[]
    readonly weights: readonly string[]
    readonly system: readonly string[]
    readonly inputs: Readonly<Record<string, GoldenTensor>>
    readonly outputs: Readonly<Record<string, GoldenTensor>>
  }[]
  readonly attention: readonly {
    readonly name: string
    readonly cacheDtype: DType
    readonly maxPositions: number
    readonly attributes: NodeOf<'Attention'>['attributes']
    readonly steps: readonly Readonly<Record<'q' | 'k' | 'v' | 'y' | 'positions' | 'lengths', GoldenTensor>>[]
  }[]
}

const golden = JSON.parse(await readFile(new URL('fixtures/golden.json', import.meta.url), 'utf8')) as Golden

/** One rounding to float32 apart: the oracle sums in float64, as numpy did. */
const tolerance = { absolute: 1e-7, relative: 2e-7 }

function dataOf({ dtype, shape, values }: GoldenTensor): TensorData {
  if (dtype === 'int32') return intTensor(shape, values)
  if (dtype === 'q4g64') return { dtype, shape, bytes: Uint8Array.from(values) }
  const array = dtype === 'float32' ? Float32Array.from(values) : Uint16Array.from(values)
  return { dtype, shape, bytes: new Uint8Array(array.buffer) }
}

function assertGolden(actual: TensorData, expected: GoldenTensor, what: string): void {
  expect(actual.shape).toEqual(expected.shape)
  if (expected.dtype === 'int32') expect([...intsOf(actual)]).toEqual(expected.values)
  else if (expected.dtype === 'q4g64') expect([...actual.bytes]).toEqual(expected.values)
  else assertClose(floatsOf(actual), expected.values, tolerance, what)
}

function valuesOf(
  tensors: Readonly<Record<string, GoldenTensor>>,
  roleOf: (name: string) => GraphValue['role'],
): GraphValue[] {
  return Object.entries(tensors).map(([name, { dtype, shape }]) => ({ name, dtype, shape, role: roleOf(name) }))
}

describe('golden vectors of numpy', () => {
  for (const entry of golden.cases) {
    it(entry.name, async () => {
      await using backend = createReferenceBackend()
      const graph: LayerGraph = {
        name: entry.name,
        inputs: valuesOf(entry.inputs, (name) =>
          entry.weights.includes(name) ? 'weight' : entry.system.includes(name) ? 'system' : 'activation',
        ),
        outputs: valuesOf(entry.outputs, () => 'activation'),
        caches: [],
        nodes: [
          {
            operator: entry.operator,
            inputs: entry.nodeInputs,
            outputs: Object.keys(entry.outputs),
            attributes: entry.attributes,
          } as GraphNode,
        ],
      }
      const inputs = Object.fromEntries(Object.entries(entry.inputs).map(([name, tensor]) => [name, dataOf(tensor)]))
      for (const prepare of [[], entry.weights]) {
        const outputs = await runGraph(backend, graph, inputs, { prepare })
        for (const [name, expected] of Object.entries(entry.outputs)) assertGolden(outputs[name]!, expected, name)
      }
    })
  }

  it('cover every operator of the backend', async () => {
    await using backend = createReferenceBackend()
    const covered = new Set([...golden.cases.map((entry) => entry.operator), 'Attention'])
    expect([...backend.capabilities.operators].filter((operator) => !covered.has(operator))).toEqual([])
  })

  for (const { name, cacheDtype, maxPositions, attributes, steps } of golden.attention) {
    it(`Attention: ${name}`, async () => {
      await using backend = createReferenceBackend()
      const { kvHeads, headDim } = attributes
      const batch = steps[0]!.lengths.shape[0]!
      const cache = backend.allocateCache({ kvHeads, headDim, maxPositions, dtype: cacheDtype }, batch)
      const rows: CacheRow[] = Array.from({ length: batch }, (_, row) => ({ cache, row }))
      const shapeOf = (tensor: GoldenTensor): Dimension[] =>
        tensor.shape.map((size, axis) => (axis === 0 ? 'batch' : axis === 1 ? 'seq' : size))
      const { q, k, v, positions, lengths, y } = steps[0]!
      const inputs = Object.entries({ q, k, v, positions, lengths }).map(([input, tensor]): GraphValue => ({
        name: input,
        dtype: tensor.dtype,
        shape: shapeOf(tensor),
        role: tensor.dtype === 'int32' ? 'system' : 'activation',
      }))
      await using kernel = await backend.compile({
        name,
        inputs,
        outputs: [{ name: 'y', dtype: 'float32', shape: shapeOf(y), role: 'activation' }],
        caches: [{ name: 'kv', kvHeads, headDim }],
        nodes: [{ operator: 'Attention', inputs: ['q', 'k', 'v'], outputs: ['y'], attributes }],
      })
      for (const [index, { y: expected, ...given }] of steps.entries()) {
        const tensors = Object.fromEntries(Object.entries(given).map(([input, tensor]) => [input, dataOf(tensor)]))
        const outputs = await runKernel(backend, kernel, tensors, { caches: { kv: rows } })
        assertGolden(outputs['y']!, expected, `step ${index}`)
      }
    })
  }
})
