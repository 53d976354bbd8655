import { floatTensor, intTensor, runGraph, runKernel } from '@flexgen/conformance'
import type { GraphValue, LayerGraph } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { createBackendOn } from '../src/create-backend-on.ts'
import { openEngine } from '../src/engine/open-engine.ts'
import { countUploads } from './counting-engine.ts'
import { enginesHere } from './engines-here.ts'

const width = 8
const hidden = { dtype: 'float32', shape: ['batch', 'seq', width], role: 'hidden' } as const
const weight = (name: string, ...shape: number[]): GraphValue => ({ name, dtype: 'float16', shape, role: 'weight' })
const filled = (...shape: number[]): ReturnType<typeof floatTensor> =>
  floatTensor(shape, new Float32Array(shape.reduce((a, b) => a * b)).fill(0.5))

/** Two products of one x, which is added to them; the bias serves both. */
const products: LayerGraph = {
  name: 'products',
  inputs: [{ ...hidden, name: 'x' }, weight('w', width, width), weight('v', width, width), weight('b', width)],
  outputs: [{ ...hidden, name: 'y' }],
  caches: [],
  nodes: [
    { operator: 'Linear', inputs: ['x', 'w', 'b'], outputs: ['xw'], attributes: { transposed: true } },
    { operator: 'Linear', inputs: ['x', 'v', 'b'], outputs: ['xv'], attributes: { transposed: true } },
    { operator: 'Add', inputs: ['xw', 'xv'], outputs: ['sum'], attributes: {} },
    { operator: 'Add', inputs: ['sum', 'x'], outputs: ['y'], attributes: {} },
  ],
}
const half = (...shape: number[]): ReturnType<typeof floatTensor> =>
  floatTensor(shape, new Float32Array(shape.reduce((a, b) => a * b)).fill(0.5), 'float16')
const weights = { w: half(width, width), v: half(width, width), b: half(width) }
const x = filled(2, 3, width)

const [heads, kvHeads, headDim, maxPositions] = [4, 2, 2, 16]
const attention: LayerGraph = {
  name: 'attention',
  inputs: [
    { ...hidden, name: 'q' },
    { ...hidden, name: 'k', shape: ['batch', 'seq', kvHeads * headDim] },
    { ...hidden, name: 'v', shape: ['batch', 'seq', kvHeads * headDim] },
    { name: 'positions', dtype: 'int32', shape: ['batch', 'seq'], role: 'system' },
    { name: 'lengths', dtype: 'int32', shape: ['batch'], role: 'system' },
  ],
  outputs: [{ ...hidden, name: 'y' }],
  caches: [{ name: 'kv', kvHeads, headDim }],
  nodes: [
    {
      operator: 'Attention',
      inputs: ['q', 'k', 'v'],
      outputs: ['y'],
      attributes: { cache: 'kv', heads, kvHeads, headDim, scale: 1, sparsity: 1 },
    },
  ],
}

describe.each(enginesHere)('TensorFlow.js %s copies nothing twice', (name) => {
  it('takes each weight and each activation once for a run, however many nodes read it', async () => {
    const { engine, takeUploads } = countUploads(await openEngine(name))
    await using backend = createBackendOn(engine, name)
    await runGraph(backend, products, { x, ...weights })
    expect(takeUploads()).toEqual([width, 6 * width, width * width, width * width])
  })

  it('takes weights that are prepared once for all runs', async () => {
    const { engine, takeUploads } = countUploads(await openEngine(name))
    await using backend = createBackendOn(engine, name)
    await using kernel = await backend.compile(products)
    const spans = Object.entries(weights).map(([input, { bytes }]) => {
      const buffer = backend.allocateHost(bytes.byteLength)
      buffer.bytes.set(bytes)
      return [input, { buffer, byteOffset: 0, byteLength: bytes.byteLength }] as const
    })
    await using prepared = await kernel.prepare(new Map(spans))
    expect(takeUploads()).toEqual([width, width * width, width * width])
    for (let run = 0; run < 3; run++) {
      await runKernel(backend, prepared, { x })
      expect(takeUploads()).toEqual([6 * width])
    }
    for (const [, { buffer }] of spans) backend.free(buffer)
  })

  it('takes queries, and the cached positions alone, once a kv head', async () => {
    const { engine, takeUploads } = countUploads(await openEngine(name))
    await using backend = createBackendOn(engine, name)
    const cache = backend.allocateCache({ kvHeads, headDim, maxPositions, dtype: 'float32' }, 2)
    const caches = { kv: [0, 1].map((row) => ({ cache, row })) }
    const step = (start: number, count: number): Promise<unknown> =>
      runGraph(
        backend,
        attention,
        {
          q: filled(2, count, heads * headDim),
          k: filled(2, count, kvHeads * headDim),
          v: filled(2, count, kvHeads * headDim),
          positions: intTensor(
            [2, count],
            Array.from({ length: 2 * count }, (_, i) => start + (i % count)),
          ),
          lengths: intTensor([2], [start + count, start + count]),
        },
        { caches },
      )
    await step(0, 5)
    takeUploads()
    await step(5, 1)
    const lane = [(heads / kvHeads) * headDim, 6 * headDim, 6 * headDim]
    expect(takeUploads()).toEqual([lane, lane, lane, lane].flat().toSorted((a, b) => a - b))
    backend.free(cache)
  })

  it('shares the memory of values where it says so, and only there', async () => {
    const engine = await openEngine(name)
    const values = Float32Array.of(1, 2)
    const tensor = engine.wrap([2], values)
    values[0] = 5
    const sum = engine.within(() => engine.kernel('Add', { a: tensor, b: tensor }))
    expect([...(await engine.read(sum))]).toEqual([engine.sharesValues ? 10 : 2, 4])
    engine.dispose(sum)
    engine.dispose(tensor)
    engine.close()
  })
})
