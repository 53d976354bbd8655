import { createHostBuffer, randomFloats } from '@flexgen/conformance'
import { type LayerGraph, spanOf } from '@flexgen/spec'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { createNativeBackend } from '../src/index.ts'
import { hasNative } from './support/levels.ts'
import { activation, weight } from './support/random-graph.ts'

const width = 1500
const graph: LayerGraph = {
  name: 'long',
  inputs: [activation('x', width), weight('w', [width, width], 'float32')],
  outputs: [activation('y', width)],
  caches: [],
  nodes: [{ operator: 'Linear', inputs: ['x', 'w'], outputs: ['y'], attributes: { transposed: true } }],
}

it.skipIf(!hasNative)('the event loop goes on while kernels run', async () => {
  await using backend = await createNativeBackend({ threads: 1 })
  await using kernel = await backend.compile(graph)
  const binding = kernel.createBinding()
  const place = (count: number): ReturnType<typeof spanOf> =>
    spanOf(createHostBuffer(new Uint8Array(randomFloats(1, count).buffer)))
  binding.set('x', place(300 * width), [1, 300, width])
  binding.set('w', place(width * width), [width, width])
  binding.set('y', place(300 * width), [1, 300, width])
  const queue = backend.createQueue('long')
  let isRunning = true
  let turns = 0
  const turn = (): void => {
    turns++
    if (isRunning) setImmediate(turn)
  }
  setImmediate(turn)
  for (let i = 0; i < 10; i++) queue.run(kernel, binding)
  await queue.idle()
  isRunning = false
  expect(turns).toBeGreaterThan(20)
})

it.skipIf(!hasNative)('an idle backend that nobody disposed keeps no process alive', () => {
  const index = new URL('../src/index.ts', import.meta.url).href
  const script = `
    const { createNativeBackend } = await import(${JSON.stringify(index)})
    const backend = await createNativeBackend({ threads: 2 })
    const [from, to] = [backend.allocate(1000), backend.allocate(1000)]
    const span = (buffer) => ({ buffer, byteOffset: 0, byteLength: 1000 })
    await backend.createQueue('copy').copy(span(to), span(from)).whenDone()
    console.log('done')`
  const flags = ['--conditions=@flexgen/source', '--input-type=module', '-e', script]
  const { status, stdout } = spawnSync(process.execPath, flags, {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    encoding: 'utf8',
    timeout: 30_000,
  })
  expect([status, stdout.trim()]).toEqual([0, 'done'])
})
