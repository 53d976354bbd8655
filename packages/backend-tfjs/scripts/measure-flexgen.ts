// The products as this backend runs them: a Linear with a checkpoint's matrix [out, in], from and to host buffers.
import { type LayerGraph, spanOf } from '@flexgen/spec'
import { createTfjsBackend, type EngineName } from '../src/index.ts'
import { timeOf, productCases, values } from './product-cases.ts'

const [engine = 'wasm'] = process.argv.slice(2)

function graphOf(width: number): LayerGraph {
  return {
    name: 'product',
    inputs: [
      { name: 'x', dtype: 'float32', shape: ['batch', 'seq', width], role: 'hidden' },
      { name: 'w', dtype: 'float32', shape: [width, width], role: 'weight' },
    ],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 'seq', width], role: 'hidden' }],
    caches: [],
    nodes: [{ operator: 'Linear', inputs: ['x', 'w'], outputs: ['y'], attributes: { transposed: true } }],
  }
}

await using backend = await createTfjsBackend({ engine: engine as EngineName })
const results: number[] = []
for (const { rows, width, stays } of productCases) {
  const host = (content: Float32Array): ReturnType<typeof backend.allocateHost> => {
    const buffer = backend.allocateHost(content.byteLength)
    buffer.bytes.set(new Uint8Array(content.buffer))
    return buffer
  }
  const buffers = [values(rows * width), values(width * width), new Float32Array(rows * width)].map(host)
  const [x, w, y] = buffers.map((buffer) => spanOf(buffer))
  await using kernel = await backend.compile(graphOf(width))
  await using prepared = await kernel.prepare(new Map(stays ? [['w', w!]] : []))
  const binding = prepared.createBinding()
  binding.set('x', x!, [rows, 1, width])
  binding.set('y', y!, [rows, 1, width])
  if (!stays) binding.set('w', w!, [width, width])
  const queue = backend.createQueue('measure')
  results.push(await timeOf(engine, () => queue.run(prepared, binding).whenDone()))
  binding.release()
  for (const buffer of buffers) backend.free(buffer)
}
process.stdout.write(`${JSON.stringify(results)}\n`)
