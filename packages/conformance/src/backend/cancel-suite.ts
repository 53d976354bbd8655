import assert from 'node:assert/strict'
import { cachePageBytes, type HostBuffer, type QueueEvent, spanOf } from '@flexgen/spec'
import { createHostBuffer } from '../kit/host-buffer.ts'
import { turnLoop, within } from '../kit/pause.ts'
import type { BackendContext } from './backend-context.ts'
import { smallBytes, smallRun } from './small-kernel.ts'

/** What is aborted moves no byte any more once its event has ended: whoever waited for it may use the memory. */
export function cancelSuite({ test }: BackendContext): void {
  test('a cancelled copy to the host writes nothing once its event has ended', async (backend) => {
    const size = 300_000
    const source = spanOf(backend.allocate(size))
    const spec = { kvHeads: 2, headDim: 8, maxPositions: 100, dtype: 'float32' } as const
    const cache = backend.allocateCache(spec, 1)
    for (let turns = 0; turns < 3; turns++) {
      const queue = backend.createQueue('cancelled')
      const events: QueueEvent[] = []
      const targets: HostBuffer[] = []
      for (let i = 0; i < 4; i++) {
        const [target, page] = [createHostBuffer(size), createHostBuffer(cachePageBytes(spec, 100))]
        targets.push(target, page)
        events.push(
          queue.copyOut(spanOf(target), source),
          queue.copyFromCache(
            { page: { span: spanOf(page), positions: 100 }, position: 0 },
            { cache, row: 0, position: 0, count: 100 },
          ),
        )
      }
      await turnLoop(turns)
      queue.cancel()
      for (const [i, event] of events.entries()) {
        await within(
          2000,
          'a cancelled copy',
          event.whenDone().catch(() => undefined),
        )
        targets[i]!.bytes.fill(9)
      }
      await turnLoop()
      for (const { bytes } of targets)
        assert.ok(
          bytes.every((byte) => byte === 9),
          'bytes were written after the end',
        )
    }
  })

  test('a cancelled run writes nothing once its event has ended', async (backend) => {
    for (let turns = 0; turns < 3; turns++) {
      const { kernel, binding, spans } = await smallRun(backend)
      const [queue, after] = [backend.createQueue('cancelled'), backend.createQueue('after')]
      const events = Array.from({ length: 4 }, () => queue.run(kernel, binding))
      await turnLoop(turns)
      queue.cancel()
      for (const event of events)
        await within(
          2000,
          'a cancelled run',
          event.whenDone().catch(() => undefined),
        )
      const [nines, target] = [createHostBuffer(smallBytes.y), createHostBuffer(smallBytes.y)]
      nines.bytes.fill(9)
      await after.copyIn(spans.y, spanOf(nines)).whenDone()
      await turnLoop()
      await after.copyOut(spanOf(target), spans.y).whenDone()
      assert.ok(
        target.bytes.every((byte) => byte === 9),
        'a run wrote its output after its end',
      )
    }
  })
}
