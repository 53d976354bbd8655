import { createReferenceBackend } from '@flexgen/backend-reference'
import { assertClose, floatsOf, floatTensor, randomFloats, runGraph, type TensorData } from '@flexgen/conformance'
import type { LayerGraph } from '@flexgen/spec'
import { describe, it } from 'vitest'
import { createOnnxRuntimeBackend } from '../src/index.ts'

type Weight = 'float16' | 'bfloat16'

/** y = x W^T + b, and z = x W^T where the weight is read twice. */
function linear(outputs: number, inputs: number, dtype: Weight | 'float32', isReadTwice: boolean): LayerGraph {
  const shape = ['batch', 'seq', outputs] as const
  const output = (name: string): LayerGraph['outputs'][number] => ({
    name,
    dtype: 'float32',
    shape,
    role: 'activation',
  })
  const node = (inputNames: string[], name: string): LayerGraph['nodes'][number] => ({
    operator: 'Linear',
    inputs: inputNames,
    outputs: [name],
    attributes: { transposed: true },
  })
  return {
    name: 'linear',
    inputs: [
      { name: 'x', dtype: 'float32', shape: ['batch', 'seq', inputs], role: 'activation' },
      { name: 'w', dtype, shape: [outputs, inputs], role: 'weight' },
      { name: 'b', dtype, shape: [outputs], role: 'weight' },
    ],
    outputs: isReadTwice ? [output('y'), output('z')] : [output('y')],
    caches: [],
    nodes: [node(['x', 'w', 'b'], 'y'), ...(isReadTwice ? [node(['x', 'w'], 'z')] : [])],
  }
}

/** Half matrices of these sizes are cut into blocks of rows, of which the last is not whole. */
const cases = [
  { outputs: 401, inputs: 410, tokens: 3 },
  { outputs: 1100, inputs: 1000, tokens: 2 },
  { outputs: 3, inputs: 200_000, tokens: 1 },
]

describe.each(['c', 'js'] as const)('large half matrices through api %s', (api) => {
  it.each(cases)('$outputs x $inputs, $tokens tokens, agree with the oracle', async ({ outputs, inputs, tokens }) => {
    await using backend = await createOnnxRuntimeBackend({ api, threads: 2 })
    await using oracle = createReferenceBackend()
    const scale = inputs ** -0.5
    const x = floatTensor([1, tokens, inputs], randomFloats(1, tokens * inputs))
    for (const dtype of ['float16', 'bfloat16'] as const) {
      const w = floatTensor(
        [outputs, inputs],
        randomFloats(2, outputs * inputs).map((value) => value * scale),
        dtype,
      )
      const b = floatTensor([outputs], randomFloats(3, outputs), dtype)
      const wide = (tensor: TensorData): TensorData => floatTensor(tensor.shape, floatsOf(tensor))
      for (const isReadTwice of [false, true]) {
        const plain = linear(outputs, inputs, 'float32', isReadTwice)
        const expected = await runGraph(oracle, plain, { x, w: wide(w), b: wide(b) })
        const graph = linear(outputs, inputs, dtype, isReadTwice)
        for (const options of [{}, { weightByteOffset: 3 }, { prepare: ['w', 'b'] }, { prepare: ['b'] }]) {
          const actual = await runGraph(backend, graph, { x, w, b }, options)
          for (const [name, tensor] of Object.entries(expected)) {
            const what = `${name}, ${dtype}, ${JSON.stringify(options)}`
            assertClose(floatsOf(actual[name]!), floatsOf(tensor), { absolute: 1e-5, relative: 1e-4 }, what)
          }
        }
      }
    }
  })
})
