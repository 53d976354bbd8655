import assert from 'node:assert/strict'
import { type Backend, cachePageBytes, type QueueEvent, SettableEvent, spanOf, systemClock } from '@flexgen/spec'
import { createHostBuffer } from '../kit/host-buffer.ts'
import { turnLoop, within } from '../kit/pause.ts'
import { assertRefused, assertRefusedAtOnce } from '../kit/refusal.ts'
import { floatTensor, intTensor } from '../kit/tensor-data.ts'
import { attentionGraph } from './attention-scenario.ts'
import type { BackendContext } from './backend-context.ts'
import { activation, graphOf, systemInputs, weight } from './graph-of.ts'
import { heldBytes, limitedBytes } from './held-bytes.ts'
import { layerCache, optLikeInputs, optLikeLayer } from './opt-like-layer.ts'
import { runGraph, runKernel } from './run-graph.ts'
import { smallBytes, smallRun, smallShapes } from './small-kernel.ts'

/** More than any system has, and still a size that can be written down exactly. */
const tooManyBytes = 2 ** 50

/** What fails leaves nothing behind, and nothing else fails with it (DESIGN, invariants 3 and 6). */
export function failureSuite({ test }: BackendContext): void {
  test('memory that the system refuses is an error and counts nothing', async (backend) => {
    const before = backend.memory()
    const spec = { kvHeads: 2 ** 10, headDim: 2 ** 10, maxPositions: 2 ** 20, dtype: 'float32' } as const
    assert.ok(cachePageBytes(spec, spec.maxPositions) * 128 === tooManyBytes)
    assertRefusedAtOnce('device memory', () => backend.allocate(tooManyBytes), ['OUT_OF_MEMORY'])
    assertRefusedAtOnce('host memory', () => backend.allocateHost(tooManyBytes), ['OUT_OF_MEMORY'])
    assertRefusedAtOnce('a cache', () => backend.allocateCache(spec, 128), ['OUT_OF_MEMORY'])
    assert.deepEqual(heldBytes(backend), heldBytes({ memory: () => before }))
    backend.free(backend.allocate(100))
  })

  test('indices outside the table fail the run', async (backend) => {
    const graph = graphOf(
      [weight('table', [3, 2]), { name: 'ids', dtype: 'int32', shape: ['batch', 'seq'], role: 'system' }],
      [{ operator: 'Gather', inputs: ['table', 'ids'], outputs: ['y'], attributes: { indexOffset: 1 } }],
      [activation('y', ['batch', 'seq', 2])],
    )
    const look = (id: number): ReturnType<typeof runGraph> =>
      runGraph(backend, graph, { table: floatTensor([3, 2], new Float32Array(6)), ids: intTensor([1, 2], [0, id]) })
    await look(1)
    for (const id of [2, -2, 2 ** 31 - 1, -(2 ** 31)]) await assertRefused(`index ${id}`, () => look(id))
  })

  test('positions and lengths that do not fit fail the run', async (backend) => {
    const graph = graphOf(
      [activation('x', ['batch', 'seq', 2]), ...systemInputs],
      [{ operator: 'LastPosition', inputs: ['x'], outputs: ['y'], attributes: {} }],
      [activation('y', ['batch', 1, 2])],
    )
    const last = (length: number): ReturnType<typeof runGraph> =>
      runGraph(backend, graph, {
        x: floatTensor([1, 3, 2], new Float32Array(6)),
        positions: intTensor([1, 3], [4, 5, 6]),
        lengths: intTensor([1], [length]),
      })
    await last(7)
    await assertRefused('more tokens than there are', () => last(8))
    await assertRefused('fewer tokens than none', () => last(3))

    const attend = attending(backend)
    await attend(0, 2)
    await attend(2, 4)
    for (const [start, length] of [
      [3, 5],
      [0, 3],
      [2, 1],
      [-1, 1],
    ] as const)
      await assertRefused(`attention from ${start} to ${length}`, () => attend(start, length))
  })

  test('a run that fails leaves memory as it was, and other queues and runs work on', async (backend) => {
    const attend = attending(backend)
    await attend(0, 2)
    const before = heldBytes(backend)
    for (let i = 0; i < 3; i++) {
      await assertRefused('a row that is too long', () => attend(4, 6))
      assert.deepEqual(heldBytes(backend), before)
    }
    await attend(2, 4)
    assert.deepEqual(heldBytes(backend), before)
  })

  test('a run keeps the limit or fails, and runs once the limit is raised', async (backend) => {
    const [batch, seq, maxPositions] = [4, 16, 20]
    await using kernel = await backend.compile(optLikeLayer('float32'))
    const need = kernel.workspaceBytes({ batch, seq, maxPositions })
    const cache = backend.allocateCache({ ...layerCache, maxPositions, dtype: 'float32' }, batch)
    const caches = { kv: Array.from({ length: batch }, (_, row) => ({ cache, row })) }
    const run = (limitBytes: (bound: number) => number): Promise<unknown> =>
      runKernel(backend, kernel, optLikeInputs('float32', batch, seq), {
        caches,
        onBound: () => void backend.setMemoryLimit(limitBytes(limitedBytes(backend))),
      })
    let limit = 0
    const low = run((bound) => (limit = bound + Math.floor(need / 2)))
    await low.then(
      () => assert.ok(backend.memory().peakDeviceBytes <= limit, 'a run passed the limit'),
      (error: unknown) => assertRefused('a run beyond the limit', () => Promise.reject(error), ['OUT_OF_MEMORY']),
    )
    assert.ok(limitedBytes(backend) <= limit)
    await run((bound) => bound + 2 * need)
  })

  test('a binding stays as it is until its runs have ended', async (backend) => {
    const { kernel, binding, spans } = await smallRun(backend)
    const queue = backend.createQueue('held back')
    const gate = new SettableEvent()
    queue.wait(gate)
    const run = queue.run(kernel, binding)
    assertRefusedAtOnce('a change of a binding in use', () => binding.set('x', spans.b, smallShapes.x))
    assertRefusedAtOnce('the release of a binding in use', () => binding.release())
    gate.settle(systemClock.now())
    await run.whenDone()
    binding.set('x', spans.b, smallShapes.x)
    binding.release()
  })

  test('what a cancelled queue has used is free once its events have ended', async (backend) => {
    const before = heldBytes(backend)
    for (let turns = 0; turns < 4; turns++) {
      const { kernel, binding, spans } = await smallRun(backend)
      const target = spanOf(createHostBuffer(smallBytes.y))
      const queue = backend.createQueue('cancelled')
      const events: QueueEvent[] = []
      for (let i = 0; i < 6; i++) events.push(queue.run(kernel, binding), queue.copyOut(target, spans.y))
      await turnLoop(turns)
      queue.cancel()
      const after = events.at(-1)!
      for (const { buffer } of Object.values(spans)) backend.free(buffer, after)
      await within(2000, 'a cancelled queue', queue.idle())
      assert.ok(
        events.every((event) => event.isDone()),
        'idle came before an event',
      )
      await kernel[Symbol.asyncDispose]()
      assert.deepEqual(heldBytes(backend), before)
    }
  })
}

/** Attention of two new tokens of one row that has room for four; positions and lengths as given. */
function attending(backend: Backend): (start: number, length: number) => ReturnType<typeof runGraph> {
  const shape = { heads: 2, kvHeads: 2, headDim: 4, sparsity: 1, maxPositions: 4 }
  const graph = attentionGraph(shape)
  const cache = backend.allocateCache({ kvHeads: 2, headDim: 4, maxPositions: 4, dtype: 'float32' }, 1)
  const tokens = floatTensor([1, 2, 8], new Float32Array(16).fill(0.5))
  return (start, length) => {
    const system = { positions: intTensor([1, 2], [start, start + 1]), lengths: intTensor([1], [length]) }
    const inputs = { q: tokens, k: tokens, v: tokens, ...system }
    return runGraph(backend, graph, inputs, { caches: { kv: [{ cache, row: 0 }] } })
  }
}
