import assert from 'node:assert/strict'
import { spanOf, type TraceSpan } from '@flexgen/spec'
import { assertBytes } from '../kit/assert-bytes.ts'
import { createHostBuffer } from '../kit/host-buffer.ts'
import { orderChecks } from '../kit/order-checks.ts'
import type { BackendContext } from './backend-context.ts'
import { hostFloats, smallBytes, smallRun } from './small-kernel.ts'

/** One notion of order (DESIGN section 3), for copies and for kernels. */
export function orderSuite({ test }: BackendContext): void {
  for (const [title, check] of Object.entries(orderChecks)) {
    test(`copies: ${title}`, async (backend) => {
      const buffer = spanOf(backend.allocate(5000))
      const source = spanOf(createHostBuffer(5000))
      let queues = 0
      await check(() => {
        const queue = backend.createQueue(`copies ${++queues}`)
        return { queue, issue: () => queue.copyIn(buffer, source) }
      })
    })
    test(`kernels: ${title}`, async (backend) => {
      const { kernel, binding } = await smallRun(backend)
      let queues = 0
      await check(() => {
        const queue = backend.createQueue(`kernels ${++queues}`)
        return { queue, issue: () => queue.run(kernel, binding) }
      })
    })
  }

  test('copies and kernels of one queue see what was queued before them', async (backend) => {
    const { kernel, binding, spans } = await smallRun(backend)
    const queue = backend.createQueue('all')
    const results = [1, 2, 3].map((seed) => {
      const target = createHostBuffer(smallBytes.y)
      queue.copyIn(spans.x, hostFloats(10 * seed, smallBytes.x))
      queue.run(kernel, binding)
      queue.copyOut(spanOf(target), spans.y)
      return target
    })
    await queue.idle()
    const again = createHostBuffer(smallBytes.y)
    queue.copyIn(spans.x, hostFloats(20, smallBytes.x))
    queue.run(kernel, binding)
    await queue.copyOut(spanOf(again), spans.y).whenDone()
    assertBytes(results[1]!.bytes, again.bytes, 'the second run')
    assert.notDeepEqual(results[0]!.bytes, results[1]!.bytes)
  })

  test('a trace sink sees every operation with its bytes and a time that is over', async (backend) => {
    const seen: TraceSpan[] = []
    const queue = backend.createQueue('traced', { span: (span) => void seen.push(span) })
    const buffer = spanOf(backend.allocate(1234))
    await queue.copyIn(buffer, spanOf(createHostBuffer(1234))).whenDone()
    const { kernel, binding } = await smallRun(backend)
    await queue.run(kernel, binding).whenDone()
    assert.deepEqual(
      seen.map((span) => span.sizeBytes),
      [1234, 0],
    )
    for (const span of seen) assert.ok(span.queue === 'traced' && span.endMs >= span.startMs && span.label.length > 0)
  })
}
