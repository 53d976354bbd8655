import assert from 'node:assert/strict'
import { SettableEvent, spanOf, systemClock } from '@flexgen/spec'
import { createHostBuffer } from '../kit/host-buffer.ts'
import { assertFlexgenError, assertRefused } from '../kit/refusal.ts'
import type { BackendContext } from './backend-context.ts'
import { smallGraph, smallRun, smallShapes } from './small-kernel.ts'

/** What is freed, released or disposed is refused afterwards, never used in silence. */
export function lifetimeSuite({ test }: BackendContext): void {
  test('states what it is', async (backend) => {
    assert.equal(backend.specificationVersion, 'v1')
    assert.ok(backend.name.length > 0 && backend.device.description.length > 0)
    assert.ok(backend.device.memoryBytes > 0)
    assert.ok(backend.capabilities.computeDtypes.length > 0 && backend.capabilities.cacheDtypes.length > 0)
    assert.ok(backend.capabilities.weightDtypes.includes('float32') || backend.capabilities.weightDtypes.length > 0)
    assert.ok(backend.notices.every((notice) => notice.length > 0))
  })

  test('a freed buffer is refused everywhere', async (backend) => {
    const { kernel, binding, spans } = await smallRun(backend)
    const host = spanOf(createHostBuffer(24))
    backend.free(spans.x.buffer)
    const queue = (): ReturnType<typeof backend.createQueue> => backend.createQueue('freed')
    await assertRefused('a copy into a freed buffer', () => queue().copyIn(spans.x, host))
    await assertRefused('a copy out of a freed buffer', () => queue().copyOut(host, spans.x))
    await assertRefused('a run on a freed buffer', () => queue().run(kernel, binding))
    await assertRefused('a second free', () => backend.free(spans.x.buffer))
  })

  test('a freed host buffer shows its bytes no longer', async (backend) => {
    const buffer = backend.allocateHost(100)
    backend.free(buffer)
    let length = 0
    try {
      length = buffer.bytes.byteLength
    } catch {
      // Either way is fine: it throws, or the view is detached and empty.
    }
    assert.equal(length, 0)
    const target = spanOf(backend.allocate(100))
    await assertRefused('a copy from freed host memory', () =>
      backend.createQueue('freed').copyIn(target, { buffer, byteOffset: 0, byteLength: 100 }),
    )
  })

  test('a freed cache is refused', async (backend) => {
    const spec = { kvHeads: 1, headDim: 4, maxPositions: 2, dtype: 'float32' } as const
    const cache = backend.allocateCache(spec, 1)
    backend.free(cache)
    const page = { page: { span: spanOf(createHostBuffer(64)), positions: 2 }, position: 0 }
    const range = { cache, row: 0, position: 0, count: 2 }
    await assertRefused('a copy into a freed cache', () => backend.createQueue('freed').copyToCache(range, page))
    await assertRefused('a copy out of a freed cache', () => backend.createQueue('freed').copyFromCache(page, range))
  })

  test('memory of nobody or of another backend is refused', async (backend) => {
    const stranger = { byteLength: 24 }
    await assertRefused('freeing a stranger', () => backend.free(stranger))
    await assertRefused('copying into a stranger', () =>
      backend.createQueue('strange').copyIn(spanOf(stranger), spanOf(createHostBuffer(24))),
    )
    const cache = {
      spec: { kvHeads: 1, headDim: 4, maxPositions: 2, dtype: 'float32' as const },
      rowCount: 1,
      byteLength: 64,
    }
    const page = { page: { span: spanOf(createHostBuffer(64)), positions: 2 }, position: 0 }
    await assertRefused('copying into a strange cache', () =>
      backend.createQueue('strange').copyToCache({ cache, row: 0, position: 0, count: 1 }, page),
    )
  })

  test('a released binding and a disposed kernel are refused', async (backend) => {
    const { kernel, binding } = await smallRun(backend)
    binding.release()
    await assertRefused('a run with a released binding', () => backend.createQueue('released').run(kernel, binding))
    await kernel[Symbol.asyncDispose]()
    await kernel[Symbol.asyncDispose]()
    await assertRefused('a binding of a disposed kernel', () => kernel.createBinding())
    const weights = new Map([['b', spanOf(createHostBuffer(24))]])
    await assertRefused('preparing a disposed kernel', () => kernel.prepare(weights))
  })

  test('a prepared kernel outlives the kernel that it came from', async (backend) => {
    const { kernel, spans } = await smallRun(backend)
    const weights = new Map([['w', spanOf(createHostBuffer(144))]])
    await using prepared = await kernel.prepare(weights)
    await kernel[Symbol.asyncDispose]()
    const binding = prepared.createBinding()
    for (const name of ['x', 'b', 'y'] as const) binding.set(name, spans[name], smallShapes[name])
    await backend.createQueue('prepared').run(prepared, binding).whenDone()
  })

  test('dispose frees everything, also what is cancelled, and may be called twice', async (backend) => {
    const { kernel, binding } = await smallRun(backend)
    backend.allocateHost(1000)
    backend.allocateCache({ kvHeads: 1, headDim: 4, maxPositions: 2, dtype: 'float32' }, 2)
    await kernel.prepare(new Map([['w', spanOf(createHostBuffer(144))]]))
    const queue = backend.createQueue('cancelled')
    const gate = new SettableEvent()
    const running = queue.run(kernel, binding)
    queue.wait(gate)
    const dropped = queue.run(kernel, binding)
    queue.cancel()
    await backend[Symbol.asyncDispose]()
    assert.ok(running.isDone() && dropped.isDone())
    const { deviceBytes, hostBytes, preparedBytes, workspaceBytes } = backend.memory()
    assert.deepEqual([deviceBytes, hostBytes, preparedBytes, workspaceBytes], [0, 0, 0, 0])
    await backend[Symbol.asyncDispose]()
    gate.settle(systemClock.now())
  })

  test('dispose waits for graphs that are being compiled and prepared', async (backend) => {
    const { kernel } = await smallRun(backend)
    const working = [
      backend.compile(smallGraph),
      kernel.prepare(new Map([['w', spanOf(createHostBuffer(144))]])),
      backend.compile(smallGraph),
    ]
    const settled = Promise.allSettled(working)
    await backend[Symbol.asyncDispose]()
    for (const result of await settled) if (result.status === 'rejected') assertFlexgenError(result.reason)
    const { deviceBytes, hostBytes, preparedBytes, workspaceBytes } = backend.memory()
    assert.deepEqual([deviceBytes, hostBytes, preparedBytes, workspaceBytes], [0, 0, 0, 0])
  })

  test('a disposed backend refuses work', async (backend) => {
    await backend[Symbol.asyncDispose]()
    await assertRefused('an allocation', () => backend.allocate(10))
    await assertRefused('host memory', () => backend.allocateHost(10))
    await assertRefused('a compilation', () => backend.compile(smallGraph))
    await assertRefused('a queue', () => backend.createQueue('late').idle())
  })
}
