import { floatsOf, floatTensor, runGraph } from '@flexgen/conformance'
import { type Backend, dtypeBytes, type LayerGraph } from '@flexgen/spec'
import { expect, it } from 'vitest'
import { createOnnxRuntimeBackend } from '../src/index.ts'

const width = 1024

/** y = (x + x) x + (x + x), which needs two values of the size of x on its way. */
const graph: LayerGraph = {
  name: 'elementwise',
  inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 'seq', width], role: 'hidden' }],
  outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 'seq', width], role: 'hidden' }],
  caches: [],
  nodes: [
    { operator: 'Add', inputs: ['x', 'x'], outputs: ['a'], attributes: {} },
    { operator: 'Mul', inputs: ['a', 'x'], outputs: ['b'], attributes: {} },
    { operator: 'Add', inputs: ['b', 'a'], outputs: ['y'], attributes: {} },
  ],
}

/** Values of 16 MB: small enough for the heaps of the C library, which keep what is freed. */
const tokens = 4 * 1024
const sizeBytes = dtypeBytes('float32', tokens * width)

async function run(backend: Backend): Promise<void> {
  const x = floatTensor([1, tokens, width], new Float32Array(tokens * width).fill(2))
  expect(floatsOf((await runGraph(backend, graph, { x }))['y']!).at(-1)).toBe(12)
}

it('memory that runs needed really goes back to the system', async () => {
  await using backend = await createOnnxRuntimeBackend({ api: 'c', threads: 2 })
  const rss = (): number => process.memoryUsage.rss()
  // The C library keeps blocks of a size only once it has seen one freed.
  for (let round = 0; round < 3; round++) {
    await backend.setMemoryLimit(100 * sizeBytes).whenDone()
    const runs = await Promise.allSettled(Array.from({ length: 4 }, () => run(backend)))
    expect(runs.map(({ status }) => status)).toEqual(Array.from({ length: 4 }, () => 'fulfilled'))
    const { workspaceBytes } = backend.memory()
    expect(workspaceBytes).toBeGreaterThanOrEqual(sizeBytes)
    const before = rss()
    await backend.setMemoryLimit(1_000_000).whenDone()
    expect(backend.memory().workspaceBytes).toBe(0)
    expect(rss()).toBeLessThan(before - 0.7 * workspaceBytes)
  }
})
