import { createHostBuffer, floatsOf, floatTensor, randomFloats, runGraph, type TensorData } from '@flexgen/conformance'
import { type Backend, cachePageBytes, type CacheRow, type DType, type LayerGraph, spanOf } from '@flexgen/spec'
import type { AttentionSizes, FloatDType, GraphCase } from './random-graph.ts'

/** The same case in float32, for the oracle. */
export function widened({ what, graph, inputs }: GraphCase): GraphCase {
  const wide = <Value extends { readonly dtype: LayerGraph['inputs'][number]['dtype'] }>(value: Value): Value =>
    value.dtype === 'int32' ? value : { ...value, dtype: 'float32' as const }
  const tensors = Object.entries(inputs).map(([name, tensor]): [string, TensorData] => [
    name,
    tensor.dtype === 'int32' ? tensor : floatTensor(tensor.shape, floatsOf(tensor)),
  ])
  return {
    what,
    graph: { ...graph, inputs: graph.inputs.map(wide), outputs: graph.outputs.map(wide) },
    inputs: Object.fromEntries(tensors),
  }
}

/** Output y of a case. */
export async function runCase(backend: Backend, { graph, inputs }: GraphCase): Promise<TensorData> {
  return (await runGraph(backend, graph, inputs))['y']!
}

/** Values that the cache rows hold before a run, rounded to a dtype: `[2, kv heads, max positions, head dim]` a row. */
export function cacheContent(
  { kvHeads, headDim, maxPositions, rows }: AttentionSizes,
  dtype: FloatDType,
): Float32Array[] {
  const shape = [2, kvHeads, maxPositions, headDim]
  const count = 2 * kvHeads * maxPositions * headDim
  return rows.map((_, row) => floatsOf(floatTensor(shape, randomFloats(row + 77, count), dtype)))
}

/** Output y of attention on a cache that holds something already. */
export async function runAttention(
  backend: Backend,
  { graph, inputs }: GraphCase,
  sizes: AttentionSizes,
  dtype: DType,
  content: readonly Uint8Array[],
): Promise<TensorData> {
  const { kvHeads, headDim, maxPositions } = sizes
  const spec = { kvHeads, headDim, maxPositions, dtype }
  const cache = backend.allocateCache(spec, content.length)
  const rows: CacheRow[] = content.map((_, row) => ({ cache, row }))
  const queue = backend.createQueue('fill')
  for (const [row, bytes] of content.entries()) {
    const page = { span: spanOf(createHostBuffer(bytes)), positions: maxPositions }
    queue.copyToCache({ ...rows[row]!, position: 0, count: maxPositions }, { page, position: 0 })
    if (bytes.byteLength !== cachePageBytes(spec, maxPositions)) throw new RangeError('content of another size')
  }
  await queue.idle()
  const { y } = await runGraph(backend, graph, inputs, { caches: { kv: rows } })
  backend.free(cache)
  return y!
}
