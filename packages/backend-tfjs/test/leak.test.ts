import { floatTensor, intTensor, runGraph } from '@flexgen/conformance'
import type { Backend, LayerGraph } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { createBackendOn } from '../src/create-backend-on.ts'
import { openEngine } from '../src/engine/open-engine.ts'
import { enginesHere } from './engines-here.ts'

const width = 64

/** A look-up behind a product: with a bad id it fails when tensors are there already. */
const graph: LayerGraph = {
  name: 'product and look-up',
  inputs: [
    { name: 'x', dtype: 'float32', shape: ['batch', 'seq', width], role: 'hidden' },
    { name: 'ids', dtype: 'int32', shape: ['batch', 'seq'], role: 'system' },
    { name: 'w', dtype: 'float16', shape: [width, width], role: 'weight' },
    { name: 'table', dtype: 'float16', shape: [5, width], role: 'weight' },
  ],
  outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 'seq', width], role: 'hidden' }],
  caches: [],
  nodes: [
    { operator: 'Linear', inputs: ['x', 'w'], outputs: ['z'], attributes: { transposed: true } },
    { operator: 'Gather', inputs: ['table', 'ids'], outputs: ['rows'], attributes: { indexOffset: 0 } },
    { operator: 'Add', inputs: ['z', 'rows'], outputs: ['y'], attributes: {} },
  ],
}

function run(backend: Backend, id: number, prepare: readonly string[]): Promise<unknown> {
  const filled = (shape: readonly number[], dtype: 'float32' | 'float16'): ReturnType<typeof floatTensor> =>
    floatTensor(shape, new Float32Array(shape.reduce((a, b) => a * b)).fill(0.25), dtype)
  const inputs = {
    x: filled([2, 3, width], 'float32'),
    ids: intTensor([2, 3], [0, 1, 2, 3, 4, id]),
    w: filled([width, width], 'float16'),
    table: filled([5, width], 'float16'),
  }
  return runGraph(backend, graph, inputs, { prepare })
}

describe.each(enginesHere)('TensorFlow.js %s', (name) => {
  it('holds the same tensors and memory after 300 runs, good and failed, bound and prepared', async () => {
    const engine = await openEngine(name)
    await using backend = createBackendOn(engine, name)
    const round = async (): Promise<void> => {
      for (const prepare of [[], ['w'], ['w', 'table']]) {
        await run(backend, 4, prepare)
        await expect(run(backend, 5, prepare)).rejects.toMatchObject({ code: 'USAGE' })
      }
      expect(engine.tensorCount()).toBe(0)
    }
    await round()
    const before = { ...backend.memory(), heldBytes: engine.arena?.heldBytes() }
    for (let i = 0; i < 50; i++) await round()
    expect({ ...backend.memory(), heldBytes: engine.arena?.heldBytes() }).toEqual(before)
    expect(before).toMatchObject({ deviceBytes: 0, hostBytes: 0, preparedBytes: 0, workspaceBytes: 0 })
  })
})
