import assert from 'node:assert/strict'
import { type ErrorCode, FlexgenError, type QueueEvent } from '@flexgen/spec'

/** Asserts that a value is an error of the project, with one of the codes where some are given. */
export function assertFlexgenError(error: unknown, codes: readonly ErrorCode[] = []): asserts error is FlexgenError {
  assert.ok(FlexgenError.isInstance(error), `expected a FlexgenError, got ${String(error)}`)
  assert.ok(error.message.length > 0 && error.hint.length > 0, `${error.code} needs a message and a hint`)
  if (codes.length > 0)
    assert.ok(codes.includes(error.code), `expected ${codes.join(' or ')}, got ${error.code}: ${error.message}`)
}

/** Asserts that something is refused at once, before anything is queued. */
export function assertRefusedAtOnce(what: string, call: () => unknown, codes: readonly ErrorCode[] = []): void {
  try {
    call()
  } catch (error) {
    assertFlexgenError(error, codes)
    return
  }
  assert.fail(`${what} was accepted`)
}

/** Asserts that something is refused, at once, by a promise or by the event that it returns. */
export async function assertRefused(
  what: string,
  call: () => unknown,
  codes: readonly ErrorCode[] = [],
): Promise<void> {
  try {
    const result = call()
    if (typeof result === 'object' && result !== null && 'whenDone' in result) await (result as QueueEvent).whenDone()
    else await result
  } catch (error) {
    assertFlexgenError(error, codes)
    return
  }
  assert.fail(`${what} was accepted`)
}
