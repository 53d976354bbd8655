/**
 * Prints what the host kernels reach for the shapes of OPT-1.3B and OPT-6.7B, against the limits of the machine measured in
 * the same sitting: `node --conditions=@flexgen/source bench/bench-kernels.ts [threads] [level] [what]`.
 */
import { availableParallelism } from 'node:os'
import { type Backend, type Binding, type DType, dtypeBytes, type LayerGraph, type Span, spanOf } from '@flexgen/spec'
import { createNativeBackend } from '../src/index.ts'
import { findLibrary } from '../src/library/find-library.ts'
import { loadKoffi } from '../src/library/koffi-library.ts'
import { loadLibrary } from '../src/library/native-library.ts'
import { createPageMemory } from '../src/memory/page-memory.ts'
import { limitSizeBytes, type MachineLimits, measureLimits } from './machine-limits.ts'
import { filledSpan, timeRuns } from './time-runs.ts'

const [threadsText, levelText, what = 'all'] = process.argv.slice(2)
const threads = Number(threadsText ?? availableParallelism())
const print = (line: string): void => void process.stdout.write(`${line}\n`)
/** More than any cache holds. */
const coldBytes = 192 * 2 ** 20

const koffi = await loadKoffi()
const library = loadLibrary(koffi, (await findLibrary()).path)
await using backend = await createNativeBackend({ threads, fourBit: true, ...(levelText && { level: levelText }) })
const level = /for (\S+),/.exec(backend.notices[0]!)![1]!

function limitsNow(): MachineLimits {
  const memory = createPageMemory(koffi).map(limitSizeBytes)
  new Uint8Array(memory.buffer).fill(1)
  const limits = measureLimits(library, threads, level, memory)
  memory.unmap()
  return limits
}

const limits = limitsNow()
print(
  `${backend.device.description}: read ${(limits.readBytesPerSecond / 1e9).toFixed(1)} GB/s, ` +
    `multiply ${(limits.multipliesPerSecond / 1e9).toFixed(0)} G/s, bfloat16 pairs ${(limits.bf16MultipliesPerSecond / 1e9).toFixed(0)} G/s`,
)
print('kernel | best ms | median ms | GB/s | GFLOP/s | share of the limit (median)')

function report(
  name: string,
  { bestMs, medianMs }: { bestMs: number; medianMs: number },
  bytes: number,
  multiplies: number,
  multiplyLimit: number,
): void {
  const limitMs = Math.max(bytes / limits.readBytesPerSecond, multiplies / multiplyLimit) * 1e3
  const gigabytes = bytes / medianMs / 1e6
  const gigaflops = (2 * multiplies) / medianMs / 1e6
  print(
    `${name} | ${bestMs.toFixed(3)} | ${medianMs.toFixed(3)} | ${gigabytes.toFixed(1)} | ${gigaflops.toFixed(0)} | ` +
      `${((100 * limitMs) / medianMs).toFixed(0)} % (best ${((100 * limitMs) / bestMs).toFixed(0)} %)`,
  )
}

function value(
  name: string,
  dtype: DType,
  shape: readonly (number | 'batch' | 'seq')[],
  role: 'weight' | 'activation',
) {
  return { name, dtype, shape, role } as const
}

async function benchLinear(compute: DType, dtype: DType, out: number, inner: number, batch: number): Promise<void> {
  const graph: LayerGraph = {
    name: 'linear',
    inputs: [
      value('x', compute, ['batch', 'seq', inner], 'activation'),
      value('w', dtype, [out, inner], 'weight'),
      value('b', 'float32', [out], 'weight'),
    ],
    outputs: [value('y', compute, ['batch', 'seq', out], 'activation')],
    caches: [],
    nodes: [{ operator: 'Linear', inputs: ['x', 'w', 'b'], outputs: ['y'], attributes: { transposed: true } }],
  }
  await using kernel = await backend.compile(graph)
  const weightBytes = dtypeBytes(dtype, out * inner)
  const spans: Span[] = []
  const put = (byteLength: number, type: DType): Span => {
    const span = filledSpan(backend, byteLength, type)
    spans.push(span)
    return span
  }
  const x = put(dtypeBytes(compute, batch * inner), compute)
  const y = put(dtypeBytes(compute, batch * out), compute)
  const b = put(dtypeBytes('float32', out), 'float32')
  const bindings: Binding[] = []
  for (let i = 0; i < Math.ceil(coldBytes / weightBytes); i++) {
    const binding = kernel.createBinding()
    binding.set('x', x, [1, batch, inner])
    binding.set('y', y, [1, batch, out])
    binding.set('b', b, [out])
    binding.set('w', put(weightBytes, dtype), [out, inner])
    bindings.push(binding)
  }
  const times = await timeRuns(backend, kernel, bindings, batch > 64 ? 2500 : 700)
  const isPairs = compute === 'bfloat16' && dtype === 'bfloat16'
  report(
    `linear [${batch}, ${inner}] x [${out}, ${inner}], ${dtype} weights, ${compute} activations`,
    times,
    weightBytes,
    batch * out * inner,
    isPairs ? limits.bf16MultipliesPerSecond : limits.multipliesPerSecond,
  )
  for (const span of spans) backend.free(span.buffer)
}

async function benchAttention(
  cacheDtype: DType,
  heads: number,
  headDim: number,
  rows: number,
  seq: number,
  position: number,
): Promise<void> {
  const width = heads * headDim
  const shape = ['batch', 'seq', width] as const
  const graph: LayerGraph = {
    name: 'attention',
    inputs: [
      ...['q', 'k', 'v'].map((name) => value(name, 'float32', shape, 'activation')),
      { name: 'positions', dtype: 'int32', shape: ['batch', 'seq'], role: 'system' },
      { name: 'lengths', dtype: 'int32', shape: ['batch'], role: 'system' },
    ],
    outputs: [value('y', 'float32', shape, 'activation')],
    caches: [{ name: 'kv', kvHeads: heads, headDim }],
    nodes: [
      {
        operator: 'Attention',
        inputs: ['q', 'k', 'v'],
        outputs: ['y'],
        attributes: { cache: 'kv', heads, kvHeads: heads, headDim, scale: headDim ** -0.5, sparsity: 1 },
      },
    ],
  }
  await using kernel = await backend.compile(graph)
  const maxPositions = position + seq
  const rowBytes = 2 * heads * maxPositions * dtypeBytes(cacheDtype, headDim)
  const inputs = ['q', 'k', 'v', 'y'].map(
    (name) => [name, filledSpan(backend, rows * seq * width * 4, 'float32')] as const,
  )
  const positions = spanOf(backend.allocate(4 * rows * seq))
  const lengths = spanOf(backend.allocate(4 * rows))
  const ints = ({ buffer }: Span): Int32Array => new Int32Array(buffer.bytes!.buffer, 0, buffer.byteLength / 4)
  ints(positions).forEach((_, i, all) => (all[i] = position + (i % seq)))
  ints(lengths).fill(maxPositions)
  const caches: Parameters<Backend['free']>[0][] = []
  const bindings: Binding[] = []
  for (let i = 0; i < Math.max(1, Math.ceil(coldBytes / (rows * rowBytes))); i++) {
    const binding = kernel.createBinding()
    for (const [name, span] of inputs) binding.set(name, span, [rows, seq, width])
    binding.set('positions', positions, [rows, seq])
    binding.set('lengths', lengths, [rows])
    const page = filledSpan(backend, rows * rowBytes, cacheDtype)
    const pages = Array.from({ length: rows }, (_, row) => ({
      span: spanOf(page.buffer as never, row * rowBytes, rowBytes),
      positions: maxPositions,
    }))
    const cache = backend.viewCache!(pages, { kvHeads: heads, headDim, maxPositions, dtype: cacheDtype })
    binding.setCache(
      'kv',
      pages.map((_, row) => ({ cache, row })),
    )
    caches.push(cache, page.buffer)
    bindings.push(binding)
  }
  const times = await timeRuns(backend, kernel, bindings, 1000)
  const pairs = rows * heads * (seq === 1 ? maxPositions : (seq * (seq + 1)) / 2 + seq * position)
  report(
    `attention, ${rows} rows, ${heads} heads of ${headDim}, ${seq} tokens behind ${position}, ${cacheDtype} KV`,
    times,
    rows * rowBytes,
    2 * pairs * headDim,
    limits.multipliesPerSecond,
  )
  for (const buffer of [...caches, ...inputs.map(([, span]) => span.buffer), positions.buffer, lengths.buffer])
    backend.free(buffer)
}

const models = { 'OPT-1.3B': [2048, 8192], 'OPT-6.7B': [4096, 16384] } as const
if (what === 'all' || what === 'linear') {
  for (const [model, [hidden, ffn]] of Object.entries(models)) {
    print(model)
    for (const [compute, dtype] of [
      ['float32', 'float16'],
      ['float32', 'bfloat16'],
      ['bfloat16', 'bfloat16'],
      ['float32', 'q4g64'],
    ] as const)
      for (const batch of [1, 2, 4, 8, 16, 32]) await benchLinear(compute, dtype, ffn, hidden, batch)
    for (const [compute, dtype] of [
      ['float32', 'float32'],
      ['float32', 'float16'],
      ['bfloat16', 'bfloat16'],
    ] as const)
      for (const batch of [128, 1024]) await benchLinear(compute, dtype, ffn, hidden, batch)
  }
}
if (what === 'all' || what === 'attention') {
  for (const dtype of ['float32', 'float16', 'bfloat16', 'q4g64'] as const)
    for (const headDim of [64, 80, 128].filter((dim) => dtype !== 'q4g64' || dim % 64 === 0))
      for (const position of [511, 2047, 4095])
        await benchAttention(dtype, 32, headDim, position > 2000 ? 2 : 8, 1, position)
  for (const dtype of ['float32', 'float16'] as const)
    for (const headDim of [64, 128]) await benchAttention(dtype, 32, headDim, 2, 512, 0)
}
if (what === 'call') {
  // What a call costs JavaScript, and how long it takes to hear of its end.
  const graph: LayerGraph = {
    name: 'call',
    inputs: [value('x', 'float32', ['batch', 'seq', 16], 'activation')],
    outputs: [value('y', 'float32', ['batch', 'seq', 16], 'activation')],
    caches: [],
    nodes: [{ operator: 'Relu', inputs: ['x'], outputs: ['y'], attributes: {} }],
  }
  await using kernel = await backend.compile(graph)
  const binding = kernel.createBinding()
  for (const name of ['x', 'y']) binding.set(name, filledSpan(backend, 64, 'float32'), [1, 1, 16])
  const queue = backend.createQueue('calls')
  for (let round = 0; round < 5; round++) {
    const start = performance.now()
    for (let i = 0; i < 1000; i++) queue.run(kernel, binding)
    const issued = performance.now()
    await queue.idle()
    const ended = performance.now()
    for (let i = 0; i < 1000; i++) await queue.run(kernel, binding).whenDone()
    const awaited = performance.now()
    print(
      `1000 calls: issued in ${(issued - start).toFixed(2)} us each, ended after ${(ended - start).toFixed(2)} us each; ` +
        `one after the other ${(awaited - ended).toFixed(2)} us each`,
    )
  }
}
