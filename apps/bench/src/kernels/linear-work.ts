import {
  type Backend,
  type DType,
  dtypeBytes,
  type HostBuffer,
  type LayerGraph,
  type Span,
  tensorBytes,
} from '@flexgen/spec'
import { filledSpan } from './filled-span.ts'
import type { LinearCase } from './kernel-case.ts'
import { endWork, type KernelWork } from './kernel-work.ts'

/** A linear layer with a bias, with as many weights as make `coldBytes`. */
export async function createLinearWork(backend: Backend, linear: LinearCase, coldBytes: number): Promise<KernelWork> {
  const { compute, dtype, rows, out, inner } = linear
  const kernel = await backend.compile(linearGraph(linear))
  const spans: Span<HostBuffer>[] = []
  const put = (byteLength: number, type: DType): Span<HostBuffer> => {
    const span = filledSpan(backend, byteLength, type)
    spans.push(span)
    return span
  }
  const readBytes = tensorBytes(dtype, [out, inner])
  const x = put(dtypeBytes(compute, rows * inner), compute)
  const y = put(dtypeBytes(compute, rows * out), compute)
  const bias = put(dtypeBytes('float32', out), 'float32')
  const bindings = Array.from({ length: Math.ceil(coldBytes / readBytes) }, () => {
    const binding = kernel.createBinding()
    binding.set('x', x, [1, rows, inner])
    binding.set('y', y, [1, rows, out])
    binding.set('bias', bias, [out])
    binding.set('weight', put(readBytes, dtype), [out, inner])
    return binding
  })
  return {
    kernel,
    bindings,
    readBytes,
    multiplies: rows * out * inner,
    [Symbol.asyncDispose]: () =>
      endWork(
        backend,
        kernel,
        spans.map(({ buffer }) => buffer),
      ),
  }
}

function linearGraph({ compute, dtype, out, inner }: LinearCase): LayerGraph {
  return {
    name: 'linear',
    inputs: [
      { name: 'x', dtype: compute, shape: ['batch', 'seq', inner], role: 'activation' },
      { name: 'weight', dtype, shape: [out, inner], role: 'weight' },
      { name: 'bias', dtype: 'float32', shape: [out], role: 'weight' },
    ],
    outputs: [{ name: 'y', dtype: compute, shape: ['batch', 'seq', out], role: 'activation' }],
    caches: [],
    nodes: [{ operator: 'Linear', inputs: ['x', 'weight', 'bias'], outputs: ['y'], attributes: { transposed: true } }],
  }
}
