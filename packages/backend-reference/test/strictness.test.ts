import { createHostBuffer, floatTensor, intTensor, runGraph, turnLoop } from '@flexgen/conformance'
import {
  type Backend,
  type Binding,
  type Kernel,
  type LayerGraph,
  SettableEvent,
  type Span,
  spanOf,
} from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { createReferenceBackend } from '../src/index.ts'

const width = 4
const bytes = 4 * width
const shape = ['batch', 'seq', width] as const

/** y = x + x, written over two inputs so that shapes can disagree. */
const addGraph: LayerGraph = {
  name: 'add',
  inputs: [
    { name: 'a', dtype: 'float32', shape, role: 'activation' },
    { name: 'b', dtype: 'float32', shape, role: 'activation' },
  ],
  outputs: [{ name: 'y', dtype: 'float32', shape, role: 'activation' }],
  caches: [],
  nodes: [{ operator: 'Add', inputs: ['a', 'b'], outputs: ['y'], attributes: {} }],
}

async function bound(
  backend: Backend,
): Promise<{ kernel: Kernel; binding: Binding; spans: Record<'a' | 'b' | 'y', Span> }> {
  const kernel = await backend.compile(addGraph)
  const binding = kernel.createBinding()
  const spans = {
    a: spanOf(backend.allocate(bytes)),
    b: spanOf(backend.allocate(bytes)),
    y: spanOf(backend.allocate(bytes)),
  }
  for (const name of ['a', 'b', 'y'] as const) binding.set(name, spans[name], [1, 1, width])
  return { kernel, binding, spans }
}

describe('the reference backend is strict where others would race', () => {
  it('refuses bad bindings when the run is queued, before anything runs', async () => {
    await using backend = createReferenceBackend()
    const { kernel, binding, spans } = await bound(backend)
    const queue = backend.createQueue('test')
    binding.set('b', spans.b, [1, 2, width])
    expect(() => queue.run(kernel, binding)).toThrow(/shape|bytes/)
    binding.set('b', spans.b, [1, 1, width])
    await queue.run(kernel, binding).whenDone()
  })

  it('refuses outputs that lie over inputs or other outputs', async () => {
    await using backend = createReferenceBackend()
    const { kernel, binding, spans } = await bound(backend)
    binding.set('y', spans.a, [1, 1, width])
    expect(() => backend.createQueue('test').run(kernel, binding)).toThrow('output y lies over a')
  })

  it('lets two inputs be the same bytes', async () => {
    await using backend = createReferenceBackend()
    const { kernel, binding, spans } = await bound(backend)
    const a = spanOf(createHostBuffer(new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer)))
    binding.set('a', a, [1, 1, width])
    binding.set('b', a, [1, 1, width])
    await backend.createQueue('test').run(kernel, binding).whenDone()
    expect([...new Float32Array(spans.y.buffer.bytes!.buffer)]).toEqual([2, 4, 6, 8])
  })

  it('fails an operation whose memory was freed without naming its event', async () => {
    await using backend = createReferenceBackend()
    const { kernel, binding, spans } = await bound(backend)
    const queue = backend.createQueue('test')
    const run = queue.run(kernel, binding)
    backend.free(spans.a.buffer)
    await expect(run.whenDone()).rejects.toMatchObject({ code: 'INTERNAL' })
  })

  it('still serves operations while a free waits for them', async () => {
    await using backend = createReferenceBackend()
    const { kernel, binding, spans } = await bound(backend)
    const queue = backend.createQueue('test')
    const gate = new SettableEvent()
    queue.wait(gate)
    const run = queue.run(kernel, binding)
    backend.free(spans.a.buffer, run)
    expect(() => queue.copyIn(spans.a, spanOf(createHostBuffer(bytes)))).toThrow('freed')
    gate.settle(0)
    await run.whenDone()
    expect(backend.memory().deviceBytes).toBe(2 * bytes)
  })

  it('refuses two rows of different room in one run', async () => {
    await using backend = createReferenceBackend()
    const graph: LayerGraph = {
      name: 'attention',
      inputs: [
        ...(['q', 'k', 'v'] as const).map((name) => ({
          name,
          dtype: 'float32' as const,
          shape,
          role: 'activation' as const,
        })),
        { name: 'positions', dtype: 'int32', shape: ['batch', 'seq'], role: 'system' },
        { name: 'lengths', dtype: 'int32', shape: ['batch'], role: 'system' },
      ],
      outputs: [{ name: 'y', dtype: 'float32', shape, role: 'activation' }],
      caches: [{ name: 'kv', kvHeads: 1, headDim: 4 }],
      nodes: [
        {
          operator: 'Attention',
          inputs: ['q', 'k', 'v'],
          outputs: ['y'],
          attributes: { cache: 'kv', heads: 1, kvHeads: 1, headDim: 4, scale: 1, sparsity: 1 },
        },
      ],
    }
    const rows = [2, 3].map((maxPositions) => ({
      cache: backend.allocateCache({ kvHeads: 1, headDim: 4, maxPositions, dtype: 'float32' }, 1),
      row: 0,
    }))
    const x = floatTensor([2, 1, 4], new Float32Array(8))
    const system = { positions: intTensor([2, 1], [0, 0]), lengths: intTensor([2], [1, 1]) }
    const run = runGraph(backend, graph, { q: x, k: x, v: x, ...system }, { caches: { kv: rows } })
    await expect(run).rejects.toMatchObject({ code: 'USAGE' })
  })
})

describe('options of the reference backend', () => {
  it('memoryBytes is the first limit', () => {
    const backend = createReferenceBackend({ memoryBytes: 1000 })
    expect(backend.device.memoryBytes).toBe(1000)
    const buffer = backend.allocate(900)
    expect(() => backend.allocate(101)).toThrow(expect.objectContaining({ code: 'OUT_OF_MEMORY' }))
    backend.free(buffer)
    backend.allocate(1000)
  })

  it('a run whose workspace passes the limit fails, and holds none afterwards', async () => {
    await using backend = createReferenceBackend()
    const { kernel, binding } = await bound(backend)
    const need = kernel.workspaceBytes({ batch: 1, seq: 1, maxPositions: 0 })
    expect(need).toBeGreaterThan(0)
    await backend.setMemoryLimit(3 * bytes + need).whenDone()
    await backend.createQueue('enough').run(kernel, binding).whenDone()
    expect(backend.memory()).toMatchObject({ workspaceBytes: 0, peakDeviceBytes: 3 * bytes + need })
    await backend.setMemoryLimit(3 * bytes + need - 1).whenDone()
    const short = backend.createQueue('too little').run(kernel, binding)
    await expect(short.whenDone()).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' })
    expect(backend.memory().workspaceBytes).toBe(0)
  })

  it('a limit settles once frees that wait for events have ended', async () => {
    await using backend = createReferenceBackend()
    const gate = new SettableEvent()
    const buffer = backend.allocate(1000)
    backend.free(buffer, gate)
    const limit = backend.setMemoryLimit(500)
    await turnLoop()
    expect(limit.isDone()).toBe(false)
    expect(() => backend.allocate(1)).toThrow(expect.objectContaining({ code: 'OUT_OF_MEMORY' }))
    gate.settle(0)
    await limit.whenDone()
    backend.allocate(500)
  })

  it('asyncDelayMs delays operations by label', async () => {
    const labels: string[] = []
    await using backend = createReferenceBackend({
      asyncDelayMs: (label) => {
        labels.push(label)
        return label === 'copyIn' ? 30 : 0
      },
    })
    const { kernel, binding, spans } = await bound(backend)
    const [slow, fast] = [backend.createQueue('slow'), backend.createQueue('fast')]
    const copy = slow.copyIn(spans.a, spanOf(createHostBuffer(bytes)))
    await fast.run(kernel, binding).whenDone()
    expect(copy.isDone()).toBe(false)
    await copy.whenDone()
    expect(labels).toEqual(['copyIn', 'run add'])
  })

  it('kernels of one backend do not run on another', async () => {
    await using one = createReferenceBackend()
    await using other = createReferenceBackend({ hostVisible: false })
    const { kernel, binding, spans } = await bound(one)
    const host = spanOf(createHostBuffer(bytes))
    expect(() => other.createQueue('test').copyOut(host, spans.a)).toThrow('device memory')
    const strange = other.createQueue('test')
    expect(() => strange.copyIn(spanOf(other.allocateHost(bytes)), host)).toThrow('device memory')
    expect(() => strange.run(kernel, binding)).toThrow('another backend')
  })
})
