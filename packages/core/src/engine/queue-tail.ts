import type { QueueEvent, TierQueue } from '@flexgen/spec'

/** An event that ends after everything that was queued so far. */
export function drainedEvent(queue: TierQueue): QueueEvent {
  return queue.task('mark', 0, () => Promise.resolve())
}
