import { type Backend, cachePageBytes, type LayerGraph, spanOf, UnsupportedDataError } from '@flexgen/spec'
import { filledSpan } from './filled-span.ts'
import type { AttentionCase } from './kernel-case.ts'
import { endWork, intsOf, type KernelWork } from './kernel-work.ts'

/**
 * A decode step of attention over views of host pages, with as many of them as make `coldBytes`.
 * @throws {UnsupportedDataError} for a backend whose caches are no host memory
 */
export async function createAttentionWork(
  backend: Backend,
  attention: AttentionCase,
  coldBytes: number,
): Promise<KernelWork> {
  const { dtype, sequences, heads, headDim, positions } = attention
  if (backend.viewCache === undefined) throw new UnsupportedDataError(`${backend.name} has no views of host pages`)
  const kernel = await backend.compile(attentionGraph(attention))
  const spec = { kvHeads: heads, headDim, maxPositions: positions, dtype }
  const rowBytes = cachePageBytes(spec, positions)
  const readBytes = sequences * rowBytes
  const width = heads * headDim
  const values = ['q', 'k', 'v', 'y'].map(
    (name) => [name, filledSpan(backend, 4 * sequences * width, 'float32')] as const,
  )
  const starts = spanOf(backend.allocateHost(4 * sequences))
  const lengths = spanOf(backend.allocateHost(4 * sequences))
  intsOf(starts).fill(positions - 1)
  intsOf(lengths).fill(positions)
  const buffers: Parameters<Backend['free']>[0][] = []
  const bindings = Array.from({ length: Math.ceil(coldBytes / readBytes) }, () => {
    const binding = kernel.createBinding()
    for (const [name, span] of values) binding.set(name, span, [sequences, 1, width])
    binding.set('positions', starts, [sequences, 1])
    binding.set('lengths', lengths, [sequences])
    const { buffer } = filledSpan(backend, readBytes, dtype)
    const pages = Array.from({ length: sequences }, (_, row) => ({
      span: spanOf(buffer, row * rowBytes, rowBytes),
      positions,
    }))
    const cache = backend.viewCache!(pages, spec)
    const rows = pages.map((_, row) => ({ cache, row }))
    binding.setCache('kv', rows)
    buffers.push(cache, buffer)
    return binding
  })
  buffers.push(...values.map(([, { buffer }]) => buffer), starts.buffer, lengths.buffer)
  return {
    kernel,
    bindings,
    readBytes,
    multiplies: 2 * sequences * width * positions,
    [Symbol.asyncDispose]: () => endWork(backend, kernel, buffers),
  }
}

function attentionGraph({ heads, headDim }: AttentionCase): LayerGraph {
  const shape = ['batch', 'seq', heads * headDim] as const
  const value = (name: string) => ({ name, dtype: 'float32', shape, role: 'activation' }) as const
  const attributes = { cache: 'kv', heads, kvHeads: heads, headDim, scale: headDim ** -0.5, sparsity: 1 }
  return {
    name: 'attention',
    inputs: [
      value('q'),
      value('k'),
      value('v'),
      { name: 'positions', dtype: 'int32', shape: ['batch', 'seq'], role: 'system' },
      { name: 'lengths', dtype: 'int32', shape: ['batch'], role: 'system' },
    ],
    outputs: [value('y')],
    caches: [{ name: 'kv', kvHeads: heads, headDim }],
    nodes: [{ operator: 'Attention', inputs: ['q', 'k', 'v'], outputs: ['y'], attributes }],
  }
}
