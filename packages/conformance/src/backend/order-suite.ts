import assert from 'node:assert/strict'
import { type QueueEvent, spanOf, type TraceSpan } from '@flexgen/spec'
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

  test('queues that wait for each other carry many rounds through two slots', async (backend) => {
    const slots = [await smallRun(backend), await smallRun(backend)]
    const inputs = Array.from({ length: 8 }, (_, round) => hostFloats(100 + round, smallBytes.x))
    const rounds = inputs.map((input, round) => ({ input, slot: slots[round % 2]! }))

    const alone = backend.createQueue('alone')
    const expected = rounds.map(({ input, slot }) => {
      const target = createHostBuffer(smallBytes.y)
      alone.copyIn(slot.spans.x, input)
      alone.run(slot.kernel, slot.binding)
      alone.copyOut(spanOf(target), slot.spans.y)
      return target
    })
    await alone.idle()

    const [bring, compute, take] = [backend.createQueue('in'), backend.createQueue('run'), backend.createQueue('out')]
    const ballast = spanOf(backend.allocate(smallBytes.x))
    const ran: QueueEvent[] = []
    const taken: QueueEvent[] = []
    const actual = rounds.map(({ input, slot }, round) => {
      const target = createHostBuffer(smallBytes.y)
      // Bringing takes longest, so that whoever does not wait for it is too early.
      for (let i = 0; i < 3; i++) bring.copyIn(ballast, input)
      if (round >= 2) bring.wait(ran[round - 2]!)
      compute.wait(bring.copyIn(slot.spans.x, input))
      if (round >= 2) compute.wait(taken[round - 2]!)
      ran.push(compute.run(slot.kernel, slot.binding))
      take.wait(ran[round]!)
      taken.push(take.copyOut(spanOf(target), slot.spans.y))
      return target
    })
    await taken.at(-1)!.whenDone()
    for (const [round, { bytes }] of expected.entries()) assertBytes(actual[round]!.bytes, bytes, `round ${round}`)
    assert.notDeepEqual(expected[0]!.bytes, expected[2]!.bytes)
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
