import assert from 'node:assert/strict'
import {
  AbortedError,
  doneEvent,
  FlexgenError,
  type QueueEvent,
  SettableEvent,
  StorageError,
  systemClock,
} from '@flexgen/spec'
import { turnLoop, within } from './pause.ts'

/** What the order tests need of a queue of a backend or a tier. */
export interface OrderedQueue {
  wait(event: QueueEvent): void
  cancel(reason?: unknown): void
  idle(): Promise<void>
}

/** A fresh queue with an operation that can be queued on it again and again. */
export interface OrderSubject {
  readonly queue: OrderedQueue
  /** Queues the operation. */
  issue(): QueueEvent
}

/** Checks that must hold for every queue of every backend and tier, by name. */
export const orderChecks: Readonly<Record<string, (make: () => OrderSubject) => Promise<void>>> = {
  async 'operations of a queue complete in the order in which they were queued'(make) {
    const { queue, issue } = make()
    const order: number[] = []
    const events = Array.from({ length: 12 }, (_, i) => {
      const event = issue()
      event.onSettled(() => order.push(i))
      return event
    })
    await Promise.all(events.map((event) => event.whenDone()))
    assert.deepEqual(order, [...events.keys()])
    for (const [i, event] of events.entries()) {
      assert.ok(event.isDone() && event.error === undefined)
      assert.ok(event.completedAtMs! >= (events[i - 1]?.completedAtMs ?? 0), 'completion times go up')
    }
    await queue.idle()
  },
  async 'listeners of an event that has ended are called at once'(make) {
    const event = make().issue()
    await event.whenDone()
    let called = 0
    event.onSettled(() => called++)
    assert.equal(called, 1)
  },
  async 'an event that is waited for holds back what is queued behind it, and nothing before it'(make) {
    const { queue, issue } = make()
    const gate = new SettableEvent()
    const before = issue()
    queue.wait(gate)
    const behind = issue()
    await before.whenDone()
    await turnLoop()
    assert.ok(!behind.isDone(), 'an operation overtook the event it waits for')
    gate.settle(systemClock.now())
    await behind.whenDone()
    await queue.idle()
  },
  async 'an event of another queue holds back a queue'(make) {
    const first = make()
    const second = make()
    const gate = new SettableEvent()
    first.queue.wait(gate)
    const cause = first.issue()
    second.queue.wait(cause)
    const effect = second.issue()
    const free = make().issue()
    await free.whenDone()
    await turnLoop()
    assert.ok(!cause.isDone() && !effect.isDone())
    // The queue listens to the cause, too, and may run its next operation before the other listeners have been called:
    // what counts is that the cause has ended when the effect does.
    let inOrder = false
    effect.onSettled(() => (inOrder = cause.isDone()))
    gate.settle(systemClock.now())
    await effect.whenDone()
    assert.ok(inOrder, 'the effect came before its cause')
    assert.ok(effect.completedAtMs! >= cause.completedAtMs!)
  },
  async 'waiting for an event that has ended well changes nothing'(make) {
    const { queue, issue } = make()
    queue.wait(doneEvent)
    await issue().whenDone()
  },
  async 'everything behind a failure fails with the same error'(make) {
    const { queue, issue } = make()
    const failure = new StorageError('READ_FAILED', 'made to fail')
    const gate = new SettableEvent()
    queue.wait(gate)
    const events = [issue(), issue()]
    gate.settle(systemClock.now(), failure)
    for (const event of events) await assert.rejects(event.whenDone(), failure)
    const late = issue()
    await assert.rejects(late.whenDone(), failure)
    assert.equal(late.error, failure)
    await queue.idle()
  },
  async 'a failure crosses to the queues that wait for it'(make) {
    const [first, second] = [make(), make()]
    const failure = new StorageError('READ_FAILED', 'made to fail')
    const gate = new SettableEvent()
    first.queue.wait(gate)
    second.queue.wait(first.issue())
    const effect = second.issue()
    gate.settle(systemClock.now(), failure)
    await assert.rejects(effect.whenDone(), failure)
  },
  async 'cancel drops what has not started, and idle settles'(make) {
    const { queue, issue } = make()
    const gate = new SettableEvent()
    queue.wait(gate)
    const dropped = [issue(), issue()]
    const reason = new AbortedError('stopped by the test')
    queue.cancel(reason)
    for (const event of dropped) await within(2000, 'a cancelled operation', assert.rejects(event.whenDone(), reason))
    await within(2000, 'idle of a cancelled queue', queue.idle())
    gate.settle(systemClock.now())
  },
  async 'a cancelled queue stays cancelled, and says ABORTED where no reason was given'(make) {
    const [cancelled, other] = [make(), make()]
    cancelled.queue.cancel()
    const late = cancelled.issue()
    await assert.rejects(late.whenDone(), (error) => FlexgenError.isInstance(error) && error.code === 'ABORTED')
    cancelled.queue.cancel(new StorageError('READ_FAILED', 'too late'))
    await assert.rejects(cancelled.issue().whenDone(), late.error as object)
    other.queue.wait(late)
    await assert.rejects(other.issue().whenDone(), late.error as object)
    await make().issue().whenDone()
  },
  async 'what is queued when its queue is cancelled settles in order, before idle does'(make) {
    const { queue, issue } = make()
    const order: number[] = []
    for (let i = 0; i < 4; i++) issue().onSettled(() => order.push(i))
    queue.cancel()
    await queue.idle()
    assert.deepEqual(order, [0, 1, 2, 3])
  },
}
