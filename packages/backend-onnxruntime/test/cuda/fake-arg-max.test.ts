import {
  createHostBuffer,
  createRandom,
  floatsOf,
  floatTensor,
  randomFloats,
  runGraph,
  type TensorData,
} from '@flexgen/conformance'
import { type DType, type GraphNode, type LayerGraph, spanOf } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { createFakeBackend } from './fake-cuda.ts'

type Float = 'float32' | 'float16' | 'bfloat16'

const floats: readonly Float[] = ['float32', 'float16', 'bfloat16']
const argMax = (input: string): GraphNode => ({
  operator: 'ArgMax',
  inputs: [input],
  outputs: ['ids'],
  attributes: {},
})
const ids: LayerGraph['outputs'][number] = { name: 'ids', dtype: 'int32', shape: ['batch', 'seq'], role: 'activation' }

function choiceOf(width: number, dtype: DType): LayerGraph {
  const x = { name: 'x', dtype, shape: ['batch', 'seq', width], role: 'activation' } as const
  return { name: 'choice', inputs: [x], outputs: [ids], caches: [], nodes: [argMax('x')] }
}

const intsOf = ({ bytes }: TensorData): number[] => [
  ...new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4),
]

/** The first of the largest of every row; NaN is not larger than anything. */
function largestOf(values: Float32Array, width: number): number[] {
  return Array.from({ length: values.length / width }, (_, row) => {
    const own = values.subarray(row * width, (row + 1) * width)
    const most = own.reduce((largest, value) => (value > largest ? value : largest), Number.NEGATIVE_INFINITY)
    return Math.max(0, own.indexOf(most))
  })
}

describe('ArgMax on a fake CUDA driver', () => {
  it.each(floats)('finds the largest of rows of any width in %s, the first of equals', async (type) => {
    await using backend = await createFakeBackend()
    const random = createRandom(11)
    for (const width of [1, 2, 3, 7, 8, 31, 255, 256, 257, 1021, 4096, 8195, 50_272]) {
      const values = randomFloats(width, 6 * width)
      for (let row = 1; row < 6; row++) {
        // Some largest ones in each row: at its ends, and next to each other, too.
        const places = [
          [0, width - 1],
          [width - 1],
          [width >> 1, (width >> 1) + 1],
          [0],
          [random.integer(0, width - 1)],
        ]
        for (const place of places[row - 1]!) values[row * width + Math.min(place, width - 1)] = 9
      }
      const x = floatTensor([2, 3, width], values, type)
      const { ids: found } = await runGraph(backend, choiceOf(width, type), { x })
      expect(intsOf(found!), `width ${width}`).toEqual(largestOf(floatsOf(x), width))
    }
  })

  it.each(floats)('takes infinities and zeros of both signs in %s as numbers, and NaN as none', async (type) => {
    await using backend = await createFakeBackend()
    const [nan, infinity] = [Number.NaN, Number.POSITIVE_INFINITY]
    const rows = [
      [[-infinity, -infinity, -infinity, -infinity, -infinity], 0],
      [[-infinity, -infinity, -3e4, -infinity, -3e4], 2],
      [[1, infinity, 2, infinity, 3], 1],
      [[-1, -0, 0, -0, 0], 1],
      [[-2, nan, -1, nan, -1], 2],
      [[nan, nan, nan, nan, nan], 0],
    ] as const
    const x = floatTensor([2, 3, 5], Float32Array.from(rows.flatMap(([values]) => values)), type)
    const { ids: found } = await runGraph(backend, choiceOf(5, type), { x })
    expect(intsOf(found!)).toEqual(rows.map(([, index]) => index))
  })

  it('reads the float32 values that a graph in float16 gives, and writes where an odd address was bound', async () => {
    await using backend = await createFakeBackend()
    const [rows, width, outs] = [5, 8, 301]
    const graph: LayerGraph = {
      name: 'head',
      inputs: [
        { name: 'x', dtype: 'float16', shape: ['batch', 'seq', width], role: 'activation' },
        { name: 'w', dtype: 'float16', shape: [outs, width], role: 'weight' },
      ],
      outputs: [{ name: 'logits', dtype: 'float32', shape: ['batch', 'seq', outs], role: 'activation' }, ids],
      caches: [],
      nodes: [
        { operator: 'Linear', inputs: ['x', 'w'], outputs: ['logits'], attributes: { transposed: true } },
        argMax('logits'),
      ],
    }
    await using kernel = await backend.compile(graph)
    const queue = backend.createQueue('compute')
    const binding = kernel.createBinding()
    const tensors = {
      x: floatTensor([rows, 1, width], randomFloats(1, rows * width), 'float16'),
      w: floatTensor([outs, width], randomFloats(2, outs * width), 'float16'),
    }
    for (const [name, { bytes, shape }] of Object.entries(tensors)) {
      const [host, device] = [createHostBuffer(bytes.length), backend.allocate(bytes.length)]
      host.bytes.set(bytes)
      queue.copyIn(spanOf(device), spanOf(host))
      binding.set(name, spanOf(device), shape)
    }
    // Of a batch behind another one.
    const sizes = { logits: [rows * outs * 4, [rows, 1, outs]], ids: [rows * 4, [rows, 1]] } as const
    const read = Object.entries(sizes).map(([name, [byteLength, shape]]) => {
      const [host, device] = [createHostBuffer(byteLength), backend.allocate(byteLength + 12)]
      binding.set(name, spanOf(device, 12, byteLength), shape)
      return { host, device: spanOf(device, 12, byteLength) }
    })
    queue.run(kernel, binding)
    await Promise.all(read.map(({ host, device }) => queue.copyOut(spanOf(host), device).whenDone()))
    const [logits, found] = read.map(({ host: { bytes } }) => bytes)
    const values = new Float32Array(logits!.buffer, logits!.byteOffset, rows * outs)
    expect(new Set(values).size).toBeGreaterThan(outs)
    expect([...new Int32Array(found!.buffer, found!.byteOffset, rows)]).toEqual(largestOf(values, outs))
  })
})
