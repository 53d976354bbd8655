import assert from 'node:assert/strict'
import {
  type Backend,
  type CacheRow,
  type DType,
  type HostBuffer,
  inferShapes,
  type Kernel,
  type LayerGraph,
  type Queue,
  type Span,
  spanOf,
  tensorBytes,
} from '@flexgen/spec'
import { createHostBuffer } from '../kit/host-buffer.ts'
import type { TensorData } from '../kit/tensor-data.ts'

/** How a graph is run in a test. */
export interface RunGraphOptions {
  /** Rows of every cache of the graph. */
  readonly caches?: Readonly<Record<string, readonly CacheRow[]>>
  /** Weights that are prepared instead of bound (`runGraph` only). */
  readonly prepare?: readonly string[]
  /** Byte offset at which weights lie in their buffers. Default 0. */
  readonly weightByteOffset?: number
  /** Where inputs and outputs lie: in device buffers (default), or host buffers bound as they are. */
  readonly place?: 'device' | 'host'
  /** Called when everything is bound and the run is about to be queued. */
  readonly onBound?: () => void
}

/**
 * Compiles a graph, runs it once with the given inputs and gives its outputs; everything is freed again.
 *
 * @param inputs every input by name; `batch` and `seq` are taken from their shapes
 */
export async function runGraph(
  backend: Backend,
  graph: LayerGraph,
  inputs: Readonly<Record<string, TensorData>>,
  options: RunGraphOptions = {},
): Promise<Record<string, TensorData>> {
  await using kernel = await backend.compile(graph)
  if (options.prepare === undefined) return await runKernel(backend, kernel, inputs, options)
  const weights = new Map(
    options.prepare.map((name) => {
      const offset = options.weightByteOffset ?? 0
      return [name, spanOf(placed(inputs[name]!.bytes, offset), offset)]
    }),
  )
  await using prepared = await kernel.prepare(weights)
  const rest = Object.entries(inputs).filter(([name]) => !weights.has(name))
  return await runKernel(backend, prepared, Object.fromEntries(rest), options)
}

/** Runs a kernel once with the given inputs and gives its outputs; buffers are freed again. */
export async function runKernel(
  backend: Backend,
  kernel: Kernel,
  inputs: Readonly<Record<string, TensorData>>,
  options: RunGraphOptions = {},
): Promise<Record<string, TensorData>> {
  const queue = backend.createQueue('conformance')
  const binding = kernel.createBinding()
  const frees: (() => void)[] = [() => binding.release()]
  try {
    const place = options.place ?? 'device'
    for (const value of kernel.graph.inputs) {
      const tensor = inputs[value.name]
      if (tensor === undefined) continue
      const offset = value.role === 'weight' ? (options.weightByteOffset ?? 0) : 0
      binding.set(value.name, putInput(backend, queue, tensor, offset, place, frees), tensor.shape)
    }
    for (const [name, rows] of Object.entries(options.caches ?? {})) binding.setCache(name, rows)
    const outputs = outputTensors(kernel.graph, inputs)
    const spans = new Map<string, Span>()
    for (const [name, { shape, bytes }] of Object.entries(outputs)) {
      const span =
        place === 'host' ? spanOf(createHostBuffer(bytes.byteLength)) : deviceSpan(backend, bytes.byteLength, frees)
      spans.set(name, span)
      binding.set(name, span, shape)
    }
    options.onBound?.()
    let event = queue.run(kernel, binding)
    if (place === 'device') {
      for (const [name, span] of spans) {
        const target: HostBuffer = { byteLength: span.byteLength, bytes: outputs[name]!.bytes }
        event = queue.copyOut(spanOf(target), span)
      }
    }
    await event.whenDone()
    if (place === 'host') for (const [name, { buffer }] of spans) outputs[name]!.bytes.set(buffer.bytes!)
    return outputs
  } finally {
    await queue.idle()
    for (const free of frees) free()
  }
}

function outputTensors(graph: LayerGraph, inputs: Readonly<Record<string, TensorData>>): Record<string, TensorData> {
  const dimensions = { batch: 1, seq: 1 }
  for (const { name, shape } of graph.inputs) {
    for (const [axis, dimension] of shape.entries()) {
      if (typeof dimension !== 'number' && inputs[name] !== undefined) dimensions[dimension] = inputs[name].shape[axis]!
    }
  }
  const shapes = inferShapes(graph, dimensions)
  const tensors = graph.outputs.map(({ name, dtype }): [string, TensorData] => {
    const shape = shapes.get(name)!
    assert.ok(dtype !== 'compute' && dtype !== 'weight', `${name}: graphs of tests have real dtypes`)
    return [name, { dtype, shape, bytes: emptyBytes(dtype, shape) }]
  })
  return Object.fromEntries(tensors)
}

/** Bytes that no result has by chance: NaN as float32, a large negative number as int32. */
function emptyBytes(dtype: DType, shape: readonly number[]): Uint8Array {
  return new Uint8Array(tensorBytes(dtype, shape)).fill(0xff)
}

function putInput(
  backend: Backend,
  queue: Queue,
  tensor: TensorData,
  offset: number,
  place: 'device' | 'host',
  frees: (() => void)[],
): Span {
  const { byteLength } = tensor.bytes
  if (place === 'host') return spanOf(placed(tensor.bytes, offset), offset)
  const span = deviceSpan(backend, byteLength + offset, frees, offset)
  queue.copyIn(span, spanOf(createHostBuffer(tensor.bytes)))
  return span
}

function deviceSpan(backend: Backend, byteLength: number, frees: (() => void)[], offset = 0): Span {
  const buffer = backend.allocate(byteLength)
  frees.push(() => backend.free(buffer))
  return spanOf(buffer, offset, byteLength - offset)
}

/** A host buffer in which the bytes lie at an offset. */
function placed(bytes: Uint8Array, offset: number): HostBuffer {
  const buffer = createHostBuffer(offset + bytes.byteLength)
  buffer.bytes.set(bytes, offset)
  return buffer
}
