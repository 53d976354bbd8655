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

/** What `within` waits in at once: a thread that the machine does not let run for long has waited for no more than this. */
const stepMs = 100

/** Asserts that a promise settles in time, so that a lost event fails a test instead of hanging it. */
export async function within(limitMs: number, what: string, promise: Promise<unknown>): Promise<void> {
  const settled = new AbortController()
  const late = async (): Promise<void> => {
    for (let waitedMs = 0; waitedMs < limitMs; waitedMs += stepMs) {
      await setTimeout(stepMs, undefined, { ref: false, signal: settled.signal })
    }
    assert.fail(`${what} did not settle in ${limitMs} ms`)
  }
  try {
    await Promise.race([promise, late()])
  } finally {
    settled.abort()
  }
}
