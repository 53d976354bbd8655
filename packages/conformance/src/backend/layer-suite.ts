import type { Backend } from '@flexgen/spec'
import { floatsOf, floatTensor, type TensorData } from '../kit/tensor-data.ts'
import type { BackendContext } from './backend-context.ts'
import type { WeightDType } from './operator-cases.ts'
import { layerCache, layerWeightNames, optLikeInputs, optLikeLayer } from './opt-like-layer.ts'
import { runGraph, type RunGraphOptions, runKernel } from './run-graph.ts'

const batch = 3
const seq = 6

async function runLayer(
  backend: Backend,
  dtype: WeightDType,
  options: RunGraphOptions = {},
  inputs = optLikeInputs(dtype, batch, seq),
): Promise<Record<string, TensorData>> {
  const rowCount = inputs['x']!.shape[0]!
  const cache = backend.allocateCache({ ...layerCache, maxPositions: seq + 2, dtype: 'float32' }, rowCount)
  const rows = Array.from({ length: rowCount }, (_, row) => ({ cache, row }))
  try {
    return await runGraph(backend, optLikeLayer(dtype), inputs, { ...options, caches: { kv: rows } })
  } finally {
    backend.free(cache)
  }
}

/** Weights of a dtype, widened to float32. */
function widened(dtype: WeightDType): Record<string, TensorData> {
  const inputs = optLikeInputs(dtype, batch, seq)
  for (const name of layerWeightNames) inputs[name] = floatTensor(inputs[name]!.shape, floatsOf(inputs[name]!))
  return inputs
}

/** A whole decoder layer gives the same with its weights bound, prepared, or partly each, and however it is batched. */
export function layerSuite({ compare, test, assertSame }: BackendContext): void {
  const prepared = {
    'all weights bound': undefined,
    'all weights prepared': layerWeightNames,
    'some weights prepared': ['qkvWeight', 'norm2Scale', 'fc2Weight', 'fc2Bias'],
  }
  for (const dtype of ['float32', 'float16', 'bfloat16'] as const) {
    for (const [title, prepare] of Object.entries(prepared)) {
      compare(`a decoder layer agrees with the oracle: ${dtype}, ${title}`, async (backend, oracle) => {
        // That a dtype is refused where it is not declared is a test of the operators.
        const used = backend.capabilities.weightDtypes.includes(dtype) ? dtype : 'float32'
        const expected = await runLayer(oracle, 'float32', {}, widened(used))
        assertSame(await runLayer(backend, used, prepare === undefined ? {} : { prepare }), expected, title)
      })
    }
  }

  test('a row of a batch gives what it gives alone', async (backend) => {
    const inputs = optLikeInputs('float32', batch, seq)
    const all = floatsOf((await runLayer(backend, 'float32', {}, inputs))['y']!)
    for (let row = 0; row < batch; row++) {
      const cut = ({ shape, bytes, dtype }: TensorData): TensorData => {
        const rowBytes = bytes.byteLength / batch
        return { dtype, shape: [1, ...shape.slice(1)], bytes: bytes.slice(row * rowBytes, (row + 1) * rowBytes) }
      }
      const { x, positions, lengths, ...weights } = inputs
      const alone = { x: cut(x!), positions: cut(positions!), lengths: cut(lengths!), ...weights }
      const width = all.length / batch
      const part = floatTensor([1, ...x!.shape.slice(1)], all.slice(row * width, (row + 1) * width))
      assertSame(await runLayer(backend, 'float32', {}, alone), { y: part }, `row ${row}`)
    }
  })

  test('one kernel serves runs of any batch and length', async (backend) => {
    await using kernel = await backend.compile(optLikeLayer('float32'))
    for (const [rowCount, length] of [
      [1, 1],
      [4, 3],
      [2, 8],
      [1, 5],
    ] as const) {
      const inputs = optLikeInputs('float32', rowCount, length)
      const cache = backend.allocateCache({ ...layerCache, maxPositions: seq + 2, dtype: 'float32' }, rowCount)
      const rows = Array.from({ length: rowCount }, (_, row) => ({ cache, row }))
      const again = await runKernel(backend, kernel, inputs, { caches: { kv: rows } })
      backend.free(cache)
      assertSame(again, await runLayer(backend, 'float32', {}, inputs), `${rowCount} rows of ${length}`)
    }
  })
}
