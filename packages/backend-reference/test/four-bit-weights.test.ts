import { floatTensor, intTensor, randomFloats, runGraph, type TensorData } from '@flexgen/conformance'
import { dequantizeRows, quantizedRowsBytes, quantizeRows } from '@flexgen/quantize'
import type { DType, GraphNode, LayerGraph } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { createReferenceBackend } from '../src/index.ts'

/** A 4-bit weight, and the same values in float32. */
function weightsOf(rows: number, width: number): { readonly q4g64: TensorData; readonly float32: TensorData } {
  const bytes = new Uint8Array(quantizedRowsBytes(rows, width))
  quantizeRows('float32', randomFloats(rows, rows * width), width, bytes)
  const values = new Float32Array(rows * width)
  dequantizeRows(bytes, width, values)
  return {
    q4g64: { dtype: 'q4g64', shape: [rows, width], bytes },
    float32: floatTensor([rows, width], values),
  }
}

const linear = (transposed: boolean): GraphNode => ({
  operator: 'Linear',
  inputs: ['x', 'w'],
  outputs: ['y'],
  attributes: { transposed },
})

function linearGraph(dtype: DType, shape: readonly [number, number], transposed: boolean): LayerGraph {
  const [inner, out] = transposed ? [shape[1], shape[0]] : shape
  return {
    name: 'linear',
    inputs: [
      { name: 'x', dtype: 'float32', shape: ['batch', 'seq', inner], role: 'hidden' },
      { name: 'w', dtype, shape, role: 'weight' },
    ],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 'seq', out], role: 'hidden' }],
    caches: [],
    nodes: [linear(transposed)],
  }
}

function gatherGraph(dtype: DType, rows: number, width: number): LayerGraph {
  return {
    name: 'embed',
    inputs: [
      { name: 'table', dtype, shape: [rows, width], role: 'weight' },
      { name: 'ids', dtype: 'int32', shape: ['batch', 'seq'], role: 'system' },
    ],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 'seq', width], role: 'hidden' }],
    caches: [],
    nodes: [{ operator: 'Gather', inputs: ['table', 'ids'], outputs: ['y'], attributes: { indexOffset: 1 } }],
  }
}

describe('4-bit weights of the reference backend', () => {
  it.each([
    { transposed: true, shape: [7, 128] as const },
    { transposed: false, shape: [7, 128] as const },
  ])('give what their values give in float32: $shape, transposed $transposed', async ({ transposed, shape }) => {
    await using backend = createReferenceBackend()
    const w = weightsOf(...shape)
    const inner = transposed ? shape[1] : shape[0]
    const x = floatTensor([2, 3, inner], randomFloats(1, 6 * inner))
    const expected = await runGraph(backend, linearGraph('float32', shape, transposed), { x, w: w.float32 })
    const graph = linearGraph('q4g64', shape, transposed)
    expect(await runGraph(backend, graph, { x, w: w.q4g64 })).toEqual(expected)
    for (const weightByteOffset of [1, 4])
      expect(await runGraph(backend, graph, { x, w: w.q4g64 }, { weightByteOffset })).toEqual(expected)
    expect(await runGraph(backend, graph, { x, w: w.q4g64 }, { prepare: ['w'] })).toEqual(expected)
  })

  it('are read row by row from a table', async () => {
    await using backend = createReferenceBackend()
    const table = weightsOf(9, 192)
    const ids = intTensor([2, 2], [7, 0, 3, 3])
    const expected = await runGraph(backend, gatherGraph('float32', 9, 192), { table: table.float32, ids })
    expect(await runGraph(backend, gatherGraph('q4g64', 9, 192), { table: table.q4g64, ids })).toEqual(expected)
  })

  it('are counted widened where they are prepared', async () => {
    await using backend = createReferenceBackend()
    await using kernel = await backend.compile(linearGraph('q4g64', [7, 128], true))
    expect(kernel.preparedBytes(['w'])).toBe(4 * 7 * 128)
  })

  it('down the columns are refused for what is no matrix of Linear', async () => {
    await using backend = createReferenceBackend()
    const table = backend.compile(gatherGraph('q4g64c', 64, 64))
    await expect(table).rejects.toMatchObject({ message: expect.stringContaining('Gather cannot read q4g64c') })
    const graph = linearGraph('q4g64c', [64, 64], true)
    const vector = { ...graph, inputs: [graph.inputs[0]!, { ...graph.inputs[1]!, shape: [64] }] }
    await expect(backend.compile(vector)).rejects.toMatchObject({ code: 'UNSUPPORTED_DATA' })
  })

  it('are padded to whole groups', async () => {
    await using backend = createReferenceBackend()
    const w = weightsOf(5, 80)
    expect(w.q4g64.bytes).toHaveLength(5 * 72)
    const x = floatTensor([1, 2, 80], randomFloats(1, 160))
    const expected = await runGraph(backend, linearGraph('float32', [5, 80], true), { x, w: w.float32 })
    expect(await runGraph(backend, linearGraph('q4g64', [5, 80], true), { x, w: w.q4g64 })).toEqual(expected)
  })

  it('are bound with all their bytes', async () => {
    await using backend = createReferenceBackend()
    const { q4g64 } = weightsOf(7, 128)
    const x = floatTensor([1, 1, 128], new Float32Array(128))
    const w = { ...q4g64, bytes: q4g64.bytes.subarray(0, 7 * 72 - 1) }
    const run = runGraph(backend, linearGraph('q4g64', [7, 128], true), { x, w })
    await expect(run).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining('needs 504 bytes') })
  })
})
