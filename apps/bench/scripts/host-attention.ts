// How fast the host kernels attend over a cache in RAM, alone and beside copies to a card:
//   node --conditions=@flexgen/source apps/bench/scripts/host-attention.ts [--heads 32] [--head-dim 128] [--rows 32]
//     [--length 528] [--positions 544] [--dtype float16|q4g64] [--gigabytes 7] [--seconds 2] [--threads N] [--copies]
// Prints a line of JSON: bytes of KV a second, milliseconds of a run (least, quartiles, most), bytes copied a second.
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { createNativeBackend } from '@flexgen/backend-native'
import { createOnnxRuntimeCudaBackend } from '@flexgen/backend-onnxruntime'
import {
  type Backend,
  cachePageBytes,
  type CacheSpec,
  type DType,
  type GraphValue,
  type HostBuffer,
  type QueueEvent,
  spanOf,
} from '@flexgen/spec'

const text = (value: number | string) => ({ type: 'string', default: String(value) }) as const
const { values } = parseArgs({
  options: {
    heads: text(32),
    'head-dim': text(128),
    rows: text(32),
    length: text(528),
    positions: text(544),
    dtype: text('float16'),
    gigabytes: text(7),
    seconds: text(2),
    threads: text(Math.max(1, availableParallelism() - 1)),
    copies: { type: 'boolean', default: false },
  },
})
const number = (name: keyof typeof values): number => Number(values[name])
const heads = number('heads')
const headDim = number('head-dim')
const rows = number('rows')
const length = number('length')
const spec: CacheSpec = { kvHeads: heads, headDim, maxPositions: number('positions'), dtype: values.dtype as DType }

await using host = await createNativeBackend({ threads: number('threads') })
await using card = values.copies ? await createOnnxRuntimeCudaBackend() : undefined
const queue = host.createQueue('attention')
const activation = (name: string): GraphValue => ({
  name,
  dtype: 'float16',
  shape: ['batch', 'seq', heads * headDim],
  role: 'activation',
})
const attention = { cache: 'kv', heads, kvHeads: heads, headDim, scale: headDim ** -0.5, sparsity: 1 }
const kernel = await host.compile({
  name: 'attention',
  inputs: [
    ...['q', 'k', 'v'].map(activation),
    { name: 'positions', dtype: 'int32', shape: ['batch', 'seq'], role: 'system' },
    { name: 'lengths', dtype: 'int32', shape: ['batch'], role: 'system' },
  ],
  outputs: [activation('y')],
  caches: [{ name: 'kv', kvHeads: heads, headDim }],
  nodes: [{ operator: 'Attention', inputs: ['q', 'k', 'v'], outputs: ['y'], attributes: attention }],
})

/** A page of small numbers: memory that nobody wrote is one page of zeros, which caches hold. */
function smallNumbers(byteLength: number): HostBuffer {
  const buffer = host.allocateHost(byteLength)
  // Halves of about 0.05; as groups of 4 bits nibbles, scales and minima of that size.
  new Uint16Array(buffer.bytes.buffer, buffer.bytes.byteOffset, byteLength >> 1).fill(0x2a66)
  return buffer
}

const bound = new Map(
  [...kernel.graph.inputs, ...kernel.graph.outputs].map(({ name, role }): [string, HostBuffer] => {
    if (role !== 'system') return [name, smallNumbers(2 * rows * heads * headDim)]
    const buffer = host.allocateHost(4 * rows)
    new Int32Array(buffer.bytes.buffer, buffer.bytes.byteOffset, rows).fill(name === 'lengths' ? length : length - 1)
    return [name, buffer]
  }),
)
const rowBytes = cachePageBytes(spec, spec.maxPositions)
const page = { page: { span: spanOf(smallNumbers(rowBytes)), positions: spec.maxPositions }, position: 0 }
const bindings = []
for (let left = number('gigabytes') * 1e9; left > 0; left -= rows * rowBytes) {
  const cache = host.allocateCache(spec, rows)
  const binding = kernel.createBinding()
  for (const { name, shape } of [...kernel.graph.inputs, ...kernel.graph.outputs])
    binding.set(name, spanOf(bound.get(name)!), [rows, 1, heads * headDim].slice(0, shape.length))
  const all = Array.from({ length: rows }, (_, row) => ({ cache, row }))
  for (const each of all) queue.copyToCache({ ...each, position: 0, count: spec.maxPositions }, page)
  binding.setCache('kv', all)
  bindings.push(binding)
}
await queue.idle()

let copiedBytes = 0
let isOver = false
/** Copies 4 GiB in turn, so that no cache holds them. */
async function copy(to: Backend): Promise<void> {
  const copyBytes = 2 ** 26
  const target = to.allocate(copyBytes)
  const sources = Array.from({ length: 64 }, () => to.allocateHost(copyBytes))
  for (const { bytes } of sources) bytes.fill(1)
  const copies = to.createQueue('copies')
  for (let i = 0; !isOver; copiedBytes += 4 * copyBytes) {
    const events = Array.from({ length: 4 }, () => copies.copyIn(spanOf(target), spanOf(sources[i++ % 64]!)))
    await events.at(-1)!.whenDone()
  }
}
const copying = card === undefined ? undefined : copy(card)
while (card !== undefined && copiedBytes === 0) await new Promise((resolve) => void setTimeout(resolve, 10))

const milliseconds: number[] = []
const runs: QueueEvent[] = []
const copiedBefore = copiedBytes
const startMs = performance.now()
let endedMs = startMs
for (let next = 0; endedMs - startMs < 1000 * number('seconds') || milliseconds.length < bindings.length;) {
  while (runs.length < 3) runs.push(queue.run(kernel, bindings[next++ % bindings.length]!))
  const event = runs.shift()!
  await event.whenDone()
  milliseconds.push(event.completedAtMs! - endedMs)
  endedMs = event.completedAtMs!
}
const seconds = (endedMs - startMs) / 1000
const copied = copiedBytes - copiedBefore
isOver = true
await copying
await queue.idle()
const sorted = milliseconds.toSorted((a, b) => a - b)
const at = (share: number): number => Number(sorted[Math.floor(share * (sorted.length - 1))]!.toPrecision(3))
console.log(
  JSON.stringify({
    ...values,
    runs: milliseconds.length,
    gigabytesPerSecond: Number(
      ((milliseconds.length * rows * cachePageBytes(spec, length)) / seconds / 1e9).toPrecision(3),
    ),
    milliseconds: [0, 0.25, 0.5, 0.75, 1].map(at),
    ...(card !== undefined && { copiedGigabytesPerSecond: Number((copied / seconds / 1e9).toPrecision(3)) }),
  }),
)
await kernel[Symbol.asyncDispose]()
