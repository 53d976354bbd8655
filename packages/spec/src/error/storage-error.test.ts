import { describe, expect, it } from 'vitest'
import { StorageError } from './storage-error.ts'
import { UsageError } from './usage-error.ts'

/** As Node gives the errors of the operating system. */
const systemError = (code: string): Error => Object.assign(new Error(`${code}: no`), { code })

describe('StorageError.from', () => {
  it.each([
    ['ENOSPC', 'write /a', 'OUT_OF_DISK', 6],
    ['EDQUOT', 'create /a', 'OUT_OF_DISK', 6],
    ['EROFS', 'create /a', 'NOT_WRITABLE', 6],
    ['EACCES', 'write /a', 'NOT_WRITABLE', 6],
    ['EPERM', 'create /a', 'NOT_WRITABLE', 6],
    ['ENOTDIR', 'write /a', 'NOT_WRITABLE', 6],
    ['ENOENT', 'write /a', 'FILE_NOT_FOUND', 4],
    ['ENOENT', 'read /a', 'FILE_NOT_FOUND', 4],
    ['EACCES', 'read /a', 'READ_FAILED', 7],
    ['EIO', 'open /write', 'READ_FAILED', 7],
  ])('%s, trying to %s, is %s', (system, doing, code, exitCode) => {
    const cause = systemError(system)
    expect(StorageError.from(cause, doing)).toMatchObject({ code, exitCode, cause })
  })

  it('says what was tried and what the system said', () => {
    expect(StorageError.from(systemError('EACCES'), 'write /a').message).toBe('cannot write /a: EACCES: no')
    expect(StorageError.from('odd', 'read /a').message).toBe('cannot read /a: odd')
  })

  it('leaves errors of the project as they are', () => {
    const error = new UsageError('no such option')
    expect(StorageError.from(error, 'write /a')).toBe(error)
  })
})
