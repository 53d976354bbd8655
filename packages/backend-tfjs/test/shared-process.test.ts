import { floatsOf, floatTensor, runGraph } from '@flexgen/conformance'
import type { Backend, LayerGraph } from '@flexgen/spec'
import * as tf from '@tensorflow/tfjs-core'
import '@tensorflow/tfjs-backend-wasm'
import { describe, expect, it } from 'vitest'
import { createTfjsBackend } from '../src/index.ts'

const graph: LayerGraph = {
  name: 'product',
  inputs: [
    { name: 'x', dtype: 'float32', shape: ['batch', 'seq', 2], role: 'hidden' },
    { name: 'w', dtype: 'float32', shape: [2, 2], role: 'weight' },
  ],
  outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 'seq', 2], role: 'hidden' }],
  caches: [],
  nodes: [{ operator: 'Linear', inputs: ['x', 'w'], outputs: ['y'], attributes: { transposed: false } }],
}

async function product(backend: Backend): Promise<number[]> {
  const inputs = { x: floatTensor([1, 1, 2], [1, 10]), w: floatTensor([2, 2], [1, 2, 3, 4]) }
  return [...floatsOf((await runGraph(backend, graph, inputs, { prepare: ['w'] }))['y']!)]
}

describe('one process', () => {
  it('holds several backends and an application that uses TensorFlow.js itself', async () => {
    await using first = await createTfjsBackend({ engine: 'wasm' })
    await using second = await createTfjsBackend({ engine: 'wasm' })
    await using plain = await createTfjsBackend({ engine: 'cpu' })
    expect(await product(first)).toEqual([31, 42])
    expect(await product(second)).toEqual([31, 42])

    await tf.setBackend('wasm')
    const own = (): number[] =>
      tf.tidy(() => [
        ...tf
          .matMul(
            tf.tensor2d([[2, 0]]),
            tf.tensor2d([
              [1, 2],
              [3, 4],
            ]),
          )
          .dataSync(),
      ])
    for (let round = 0; round < 3; round++) {
      expect(own()).toEqual([2, 4])
      expect(await product(first)).toEqual([31, 42])
      expect(own()).toEqual([2, 4])
      expect(await Promise.all([product(second), product(plain), product(first)])).toEqual([
        [31, 42],
        [31, 42],
        [31, 42],
      ])
    }
    expect(tf.getBackend()).toBe('wasm')
    expect(tf.memory().numTensors).toBe(0)
  })

  it('registers nothing anew and keeps the choice of the application', async () => {
    await tf.setBackend('cpu')
    await using backend = await createTfjsBackend({ engine: 'wasm' })
    expect(await product(backend)).toEqual([31, 42])
    expect(tf.getBackend()).toBe('cpu')
  })
})
