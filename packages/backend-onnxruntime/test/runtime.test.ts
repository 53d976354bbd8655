import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { floatsOf, floatTensor, randomFloats, runGraph } from '@flexgen/conformance'
import { type Backend, type LayerGraph, spanOf } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { createOnnxRuntimeBackend, type OnnxRuntimeBackendOptions } from '../src/index.ts'

const width = 1024

/** y = x W^T. */
const linear: LayerGraph = {
  name: 'linear',
  inputs: [
    { name: 'x', dtype: 'float32', shape: ['batch', 'seq', width], role: 'hidden' },
    { name: 'w', dtype: 'float32', shape: [width, width], role: 'weight' },
  ],
  outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 'seq', width], role: 'hidden' }],
  caches: [],
  nodes: [{ operator: 'Linear', inputs: ['x', 'w'], outputs: ['y'], attributes: { transposed: true } }],
}

async function run(backend: Backend, tokens: number): Promise<Float32Array> {
  const inputs = {
    x: floatTensor([1, tokens, width], randomFloats(1, tokens * width)),
    w: floatTensor([width, width], randomFloats(2, width * width)),
  }
  return floatsOf((await runGraph(backend, linear, inputs))['y']!)
}

describe('the runtime', () => {
  it.each<[string, OnnxRuntimeBackendOptions, string]>([
    ['no threads', { threads: 0 }, 'threads cannot be 0'],
    ['half a thread', { threads: 1.5 }, 'threads cannot be 1.5'],
    ['too many threads', { threads: 5000 }, 'threads cannot be 5000'],
    ['an unknown API', { api: 'wasm' as 'c' }, "no API 'wasm'"],
  ])('refuses %s', async (_, options, message) => {
    const error = expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(message) })
    await expect(createOnnxRuntimeBackend(options)).rejects.toEqual(error)
  })

  it('says what is wrong with a library, and falls back with auto alone', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'flexgen-ort-'))
    try {
      const text = path.join(folder, 'libonnxruntime.so')
      writeFileSync(text, 'no library')
      for (const [libraryPath, message] of [
        [path.join(folder, 'nothing.so'), 'there is no ONNX Runtime library at'],
        [text, 'cannot be loaded'],
      ] as const) {
        const error = { code: 'BACKEND_UNAVAILABLE', message: expect.stringContaining(message) }
        await expect(createOnnxRuntimeBackend({ api: 'c', libraryPath })).rejects.toMatchObject(error)
        await using backend = await createOnnxRuntimeBackend({ api: 'auto', libraryPath })
        expect(backend.notices[0]).toContain(message)
        expect(backend.notices[0]).toContain('fell back to the JavaScript API')
      }
      await using js = await createOnnxRuntimeBackend({ api: 'js', libraryPath: text })
      expect(js.notices.at(-1)).toBe(`the JavaScript API uses the library inside onnxruntime-node: ${text} not applied`)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('shares threads between backends, and says so where that is not what was asked for', async () => {
    await using first = await createOnnxRuntimeBackend({ api: 'c', threads: 2 })
    await using same = await createOnnxRuntimeBackend({ api: 'c', threads: 2 })
    await using other = await createOnnxRuntimeBackend({ api: 'c', threads: 1 })
    expect(first.notices).toEqual([])
    expect(first.device.description).toContain('through its C API')
    expect(same.notices).toEqual(first.notices)
    const notice = 'ONNX Runtime runs with 2 threads in this process already: 1 not applied'
    expect(other.notices).toEqual([notice])
    expect(other.device.description).toContain('2 threads')
    expect(await run(other, 2)).toEqual(await run(first, 2))
  })

  it('leaves the event loop free while the C API runs', async () => {
    const turns = { c: 0, js: 0 }
    for (const api of ['c', 'js'] as const) {
      await using backend = await createOnnxRuntimeBackend({ api, threads: 1 })
      const kernel = await backend.compile(linear)
      const binding = kernel.createBinding()
      for (const name of ['x', 'y']) {
        binding.set(name, spanOf(backend.allocateHost(4 * width * width)), [1, width, width])
      }
      binding.set('w', spanOf(backend.allocateHost(4 * width * width)), [width, width])
      const queue = backend.createQueue('compute')
      // The second run, so that nothing is made any more but the product itself: some 20 ms.
      await queue.run(kernel, binding).whenDone()
      // On a busy machine this thread may sleep through one product, but not through ten.
      const events = Array.from({ length: 10 }, () => queue.run(kernel, binding))
      for (; !events.at(-1)!.isDone(); turns[api]++) await setImmediate()
    }
    expect(turns.c).toBeGreaterThan(50)
    expect(turns.js).toBeLessThan(50)
  })

  it('computes through the C API although the JavaScript API was there first', async () => {
    await using js = await createOnnxRuntimeBackend({ api: 'js', threads: 2 })
    const expected = await run(js, 3)
    // No other backend of the C API lives: its environment is the one that the JavaScript API has made.
    await using c = await createOnnxRuntimeBackend({ api: 'c', threads: 2 })
    expect(c.notices).toEqual(['ONNX Runtime was in use in this process before: every graph has threads of its own'])
    const actual = await run(c, 3)
    for (const [i, value] of expected.entries()) expect(actual[i]).toBeCloseTo(value, 3)
  })
})
