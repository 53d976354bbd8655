import { AbortedError, doneEvent, type QueueEvent, SettableEvent, systemClock } from '@flexgen/spec'
import { type Defect, late, withEvents, withQueue } from '../broken-backend.ts'
import { both } from './titles.ts'

/** Queues and events. */
export const ordering: readonly Defect[] = [
  [
    'queues wait for nothing',
    [
      ...both('an event that is waited for holds back what is queued behind it, and nothing before it'),
      ...both('an event of another queue holds back a queue'),
      ...both('everything behind a failure fails with the same error'),
      ...both('a failure crosses to the queues that wait for it'),
      'a queue copies what another queue brought, once it waits for it',
      'queues that wait for each other carry many rounds through two slots',
    ],
    withQueue(() => ({ wait: () => {} })),
  ],
  [
    'a queue fails that waits for what has ended',
    both('waiting for an event that has ended well changes nothing'),
    withQueue((queue) => ({ wait: (event) => (event.isDone() ? queue.cancel() : queue.wait(event)) })),
  ],
  [
    'the first event is late',
    both('operations of a queue complete in the order in which they were queued'),
    withEvents((event, index) => (index === 0 ? late(event, 50) : event)),
  ],
  [
    'listeners are called late',
    both('listeners of an event that has ended are called at once'),
    withEvents((event) => ({
      isDone: () => event.isDone(),
      error: undefined,
      completedAtMs: 0,
      whenDone: () => event.whenDone(),
      onSettled: (listener) => event.onSettled((error) => void setImmediate(() => listener(error))),
    })),
  ],
  [
    'cancel does nothing',
    [
      ...both('cancel drops what has not started, and idle settles'),
      ...both('a cancelled queue stays cancelled, and says ABORTED where no reason was given'),
    ],
    withQueue(() => ({ cancel: () => {} })),
  ],
  [
    'cancelled operations go on behind their events',
    [
      'a cancelled copy to the host writes nothing once its event has ended',
      'a cancelled run writes nothing once its event has ended',
    ],
    withQueue((queue) => {
      const open: SettableEvent[] = []
      const shadow = (event: QueueEvent): QueueEvent => {
        const seen = new SettableEvent()
        open.push(seen)
        event.onSettled((error) => (seen.isDone() ? undefined : seen.settle(systemClock.now(), error)))
        return seen
      }
      return {
        copyOut: (target, source) => shadow(queue.copyOut(target, source)),
        copyFromCache: (target, source) => shadow(queue.copyFromCache(target, source)),
        run: (kernel, binding) => shadow(queue.run(kernel, binding)),
        cancel: () => {
          for (const event of open) if (!event.isDone()) event.settle(systemClock.now(), new AbortedError('cancelled'))
        },
      }
    }),
  ],
  [
    'idle is early',
    both('what is queued when its queue is cancelled settles in order, before idle does'),
    withQueue(() => ({ idle: async () => {} })),
  ],
  [
    'events come before the work',
    [
      'copies of random ranges agree with a model in memory',
      'copies and kernels of one queue see what was queued before them',
    ],
    withQueue((queue) => ({
      copyOut: (target, source) => {
        void Promise.resolve().then(() => queue.copyOut(target, source))
        return doneEvent
      },
      idle: async () => {},
    })),
  ],
  [
    'copies ignore offsets',
    ['copies of random ranges agree with a model in memory'],
    withQueue((queue) => ({ copyIn: (target, source) => queue.copyIn({ ...target, byteOffset: 0 }, source) })),
  ],
  [
    'nothing is traced',
    ['a trace sink sees every operation with its bytes and a time that is over'],
    (backend) => ({ createQueue: (name) => backend.createQueue(name) }),
  ],
]
