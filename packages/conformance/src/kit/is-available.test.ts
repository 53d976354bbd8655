import { BackendUnavailableError, InternalError } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { isAvailable } from './is-available.ts'

describe('isAvailable', () => {
  it('is so where the backend can be made, which is taken down again', async () => {
    let isDisposed = false
    const backend = { [Symbol.asyncDispose]: async () => void (isDisposed = true) }
    expect(await isAvailable('x', () => Promise.resolve(backend))).toBe(true)
    expect(isDisposed).toBe(true)
  })

  it('is not where it is unavailable, and does not hide any other failure', async () => {
    expect(await isAvailable('a backend in a test', () => Promise.reject(new BackendUnavailableError('none')))).toBe(
      false,
    )
    const bug = new InternalError('a bug')
    await expect(isAvailable('x', () => Promise.reject(bug))).rejects.toBe(bug)
  })
})
