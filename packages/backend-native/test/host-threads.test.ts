import { createHostBuffer, randomFloats } from '@flexgen/conformance'
import { type Backend, type LayerGraph, spanOf } from '@flexgen/spec'
import { expect, it } from 'vitest'
import { createNativeBackend } from '../src/index.ts'
import { hasNative } from './support/levels.ts'
import { activation, weight } from './support/random-graph.ts'

const [width, rows, most] = [96, 40, 4]
const graph: LayerGraph = {
  name: 'wide',
  inputs: [activation('x', width), weight('w', [width, width], 'float32')],
  outputs: [activation('y', width)],
  caches: [],
  nodes: [{ operator: 'Linear', inputs: ['x', 'w'], outputs: ['y'], attributes: { transposed: true } }],
}

/** What so many runs give, one after the other; told before each. */
async function runMany(backend: Backend, count: number, before: (run: number) => void): Promise<Float32Array[]> {
  await using kernel = await backend.compile(graph)
  const queue = backend.createQueue('runs')
  const place = (floats: Float32Array): ReturnType<typeof spanOf> =>
    spanOf(createHostBuffer(new Uint8Array(floats.buffer as ArrayBuffer)))
  const outputs = Array.from({ length: count }, () => new Float32Array(rows * width))
  const [x, w] = [place(randomFloats(1, rows * width)), place(randomFloats(2, width * width))]
  for (const [run, output] of outputs.entries()) {
    const binding = kernel.createBinding()
    binding.set('x', x, [1, rows, width])
    binding.set('w', w, [width, width])
    binding.set('y', place(output), [1, rows, width])
    before(run)
    queue.run(kernel, binding)
  }
  await queue.idle()
  return outputs
}

it.skipIf(!hasNative)('threads that come and go while runs are under way change no value', async () => {
  await using backend = await createNativeBackend({ threads: most })
  const threads = backend.hostThreads!
  expect(threads.most).toBe(most)
  const [expected] = await runMany(backend, 1, () => {})
  // Numbers beyond what there is are the nearest that there is.
  const outputs = await runMany(backend, 600, (run) => threads.use((run * 7) % (most + 3)))
  for (const output of outputs) expect(output).toEqual(expected)
  threads.use(1)
  const [alone] = await runMany(backend, 1, () => {})
  expect(alone).toEqual(expected)
})

it.skipIf(!hasNative)('a backend whose threads rest ends', async () => {
  const backend = await createNativeBackend({ threads: most })
  backend.hostThreads!.use(1)
  await runMany(backend, 2, () => {})
  await backend[Symbol.asyncDispose]()
  expect(() => backend.hostThreads!.use(2)).toThrow('disposed')
})

it.skipIf(!hasNative)('tells how long runs were under way', async () => {
  await using backend = await createNativeBackend({ threads: 1 })
  const threads = backend.hostThreads!
  expect(threads.busySeconds).toBe(0)
  const startedAtMs = performance.now()
  await runMany(backend, 50, () => {})
  const { busySeconds } = threads
  expect(busySeconds).toBeGreaterThan(0)
  expect(busySeconds).toBeLessThan((performance.now() - startedAtMs) / 1000)
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(threads.busySeconds).toBe(busySeconds)
})
