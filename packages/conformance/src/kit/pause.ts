import assert from 'node:assert/strict'
import { setImmediate, setTimeout } from 'node:timers/promises'

/** Lets the event loop turn a few times, so that whatever could go on has gone on. */
export async function turnLoop(turns = 8): Promise<void> {
  for (let i = 0; i < turns; i++) await setImmediate()
}

/** Waits for a time. */
export async function pause(durationMs: number): Promise<void> {
  await setTimeout(durationMs)
}

/** Asserts that a promise settles in time, so that a lost event fails a test instead of hanging it. */
export async function within(limitMs: number, what: string, promise: Promise<unknown>): Promise<void> {
  const late = setTimeout(limitMs, undefined, { ref: false }).then(() =>
    assert.fail(`${what} did not settle in ${limitMs} ms`),
  )
  await Promise.race([promise, late])
}
