import { type ErrorCode, FlexgenError } from '@flexgen/spec'
import { expect } from 'vitest'

/** Asserts that work fails with a code, in one line that matches, with a hint. */
export async function expectCode(work: Promise<unknown>, code: ErrorCode, message: RegExp | string): Promise<void> {
  const error: unknown = await work.then(
    (value) => expect.fail(`expected ${code}, but it gave ${String(value)}`),
    (reason: unknown) => reason,
  )
  if (!FlexgenError.isInstance(error)) throw error
  expect(error.message).toMatch(message)
  expect(error.code).toBe(code)
  expect(error.message).not.toContain('\n')
  expect(error.message.length).toBeLessThan(600)
  expect(error.hint.length).toBeGreaterThan(0)
}
