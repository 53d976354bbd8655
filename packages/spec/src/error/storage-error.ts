import type { ErrorCode } from './error-code.ts'
import { FlexgenError } from './flexgen-error.ts'

type StorageCode = Extract<ErrorCode, 'OUT_OF_DISK' | 'NOT_WRITABLE' | 'READ_FAILED' | 'FILE_NOT_FOUND'>

const codeOf: Readonly<Record<string, StorageCode>> = {
  ENOSPC: 'OUT_OF_DISK',
  EDQUOT: 'OUT_OF_DISK',
  EROFS: 'NOT_WRITABLE',
  ENOENT: 'FILE_NOT_FOUND',
}

/** A file operation that failed: disk full, not writable, missing or unreadable, exit codes 4, 6 and 7. */
export class StorageError extends FlexgenError {
  constructor(code: StorageCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super({ code, message, ...options })
  }

  /**
   * Translates an error of the operating system.
   *
   * @param doing what was tried, such as "write /tmp/x". Where the system's code decides nothing (no permission, not a
   * folder, input/output errors), a text that starts with "write" or "create" gives `NOT_WRITABLE`, any other
   * `READ_FAILED`.
   */
  static from(error: unknown, doing: string): FlexgenError {
    if (FlexgenError.isInstance(error)) return error
    const system = (error as { code?: unknown } | null)?.code
    const known = typeof system === 'string' ? codeOf[system] : undefined
    const message = error instanceof Error ? error.message : String(error)
    const code = known ?? (/^(?:write|create)\b/.test(doing) ? 'NOT_WRITABLE' : 'READ_FAILED')
    return new StorageError(code, `cannot ${doing}: ${message}`, { cause: error })
  }
}
