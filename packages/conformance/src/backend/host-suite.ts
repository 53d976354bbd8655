import assert from 'node:assert/strict'
import { spanOf } from '@flexgen/spec'
import { assertBytes } from '../kit/assert-bytes.ts'
import { createHostBuffer } from '../kit/host-buffer.ts'
import { assertRefused } from '../kit/refusal.ts'
import type { BackendContext } from './backend-context.ts'
import { optLikeInputs, optLikeLayer, layerCache, layerWeightNames } from './opt-like-layer.ts'
import { runGraph } from './run-graph.ts'
import { smallBytes, smallGraph, smallRun, smallShapes } from './small-kernel.ts'

/** A host-visible backend works on host buffers where they lie; any other refuses them. */
export function hostSuite({ test, assertSame }: BackendContext): void {
  test('host buffers are bound where they lie, or refused', async (backend) => {
    const inputs = optLikeInputs('float32', 2, 4)
    const cache = backend.allocateCache({ ...layerCache, maxPositions: 4, dtype: 'float32' }, 4)
    const rows = (from: number): { kv: { cache: typeof cache; row: number }[] } => ({
      kv: [from, from + 1].map((row) => ({ cache, row })),
    })
    const run = (): ReturnType<typeof runGraph> =>
      runGraph(backend, optLikeLayer('float32'), inputs, { place: 'host', caches: rows(0) })
    if (!backend.device.hostVisible) return await assertRefused('a host buffer in a binding', run)
    const expected = await runGraph(backend, optLikeLayer('float32'), inputs, { caches: rows(2) })
    assertSame(await run(), expected, 'host buffers')
  })

  test('a device buffer shows its bytes where, and only where, the device is host-visible', async (backend) => {
    const buffer = backend.allocate(64)
    assert.equal(buffer.bytes !== undefined, backend.device.hostVisible)
    assert.equal(buffer.byteLength, 64)
    if (buffer.bytes === undefined) return
    await backend
      .createQueue('in')
      .copyIn(spanOf(buffer), spanOf(createHostBuffer(new Uint8Array(64).fill(9))))
      .whenDone()
    assert.ok(buffer.bytes.every((byte) => byte === 9))
  })

  test('a binding is changed from run to run', async (backend) => {
    const { kernel, binding, spans } = await smallRun(backend)
    const queue = backend.createQueue('runs')
    const read = async (): Promise<Uint8Array> => {
      const target = createHostBuffer(spans.y.byteLength)
      queue.run(kernel, binding)
      await queue.copyOut(spanOf(target), spans.y).whenDone()
      return target.bytes
    }
    const first = await read()
    assert.ok(first.some((byte) => byte !== 0))
    // x and b have the same number of bytes: with b as the input the result is another one.
    binding.set('x', spans.b, [1, 1, spans.b.byteLength / 4])
    assert.notDeepEqual(await read(), first)
    binding.set('x', spans.x, [1, 1, spans.x.byteLength / 4])
    assert.deepEqual(await read(), first)
  })

  test('a span may be longer than its tensor', async (backend) => {
    const { kernel, binding, spans } = await smallRun(backend)
    const queue = backend.createQueue('runs')
    const exact = createHostBuffer(smallBytes.y)
    queue.run(kernel, binding)
    await queue.copyOut(spanOf(exact), spans.y).whenDone()
    const long = spanOf(backend.allocate(smallBytes.y + 40))
    const target = createHostBuffer(new Uint8Array(smallBytes.y + 40).fill(9))
    queue.copyIn(long, spanOf(target))
    await queue.idle()
    binding.set('y', long, smallShapes.y)
    queue.run(kernel, binding)
    await queue.copyOut(spanOf(target), long).whenDone()
    assertBytes(target.bytes.subarray(0, smallBytes.y), exact.bytes, 'the tensor')
    assert.ok(
      target.bytes.subarray(smallBytes.y).every((byte) => byte === 9),
      'bytes behind the tensor were written',
    )
  })

  test('prepared weights need their spans no longer', async (backend) => {
    const inputs = optLikeInputs('float32', 2, 4)
    const cache = backend.allocateCache({ ...layerCache, maxPositions: 4, dtype: 'float32' }, 2)
    const caches = { kv: [0, 1].map((row) => ({ cache, row })) }
    const expected = await runGraph(backend, optLikeLayer('float32'), inputs, { caches })
    await using kernel = await backend.compile(smallGraph)
    assert.ok(kernel.preparedBytes(['w', 'b']) >= kernel.preparedBytes(['b']))
    const weights = new Map(['w', 'b'].map((name) => [name, spanOf(createHostBuffer(name === 'w' ? 144 : 24))]))
    const preparing = kernel.prepare(weights)
    await using prepared = await preparing
    // Whatever is written there now must not count.
    for (const { buffer } of weights.values()) buffer.bytes.fill(0xff)
    const binding = prepared.createBinding()
    const { spans } = await smallRun(backend)
    binding.set('x', spans.x, [1, 1, 6])
    binding.set('y', spans.y, [1, 1, 6])
    const target = createHostBuffer(24)
    const queue = backend.createQueue('run')
    queue.run(prepared, binding)
    await queue.copyOut(spanOf(target), spans.y).whenDone()
    assert.deepEqual(new Float32Array(target.bytes.buffer), new Float32Array(6), 'weights of zeros give zeros')
    assertSame(
      await runGraph(backend, optLikeLayer('float32'), inputs, { caches, prepare: layerWeightNames }),
      expected,
      'prepared',
    )
  })
}
