import type { QueueEvent } from '@flexgen/spec'

/** Calls `done` once all events have ended, well or not; at once where they have. */
export function afterAll(events: readonly QueueEvent[], done: () => void): void {
  // One more than the events, so that events which have already ended cannot call `done` early.
  let open = events.length + 1
  const settled = (): void => {
    open--
    if (open === 0) done()
  }
  for (const event of events) event.onSettled(settled)
  settled()
}
