import { FlexgenError, NotFoundError, StorageError } from '@flexgen/spec'

/**
 * Translates an error of the operating system that came up while reading.
 * @param doing what was tried, such as "open /models/opt/model.safetensors"
 */
export function readFailure(error: unknown, doing: string): FlexgenError {
  if (FlexgenError.isInstance(error)) return error
  const message = `cannot ${doing}: ${error instanceof Error ? error.message : String(error)}`
  const system = (error as { code?: unknown } | null)?.code
  // StorageError.from is made for writing: it calls a file without read permission "not writable".
  return system === 'ENOENT'
    ? new NotFoundError('FILE_NOT_FOUND', message, { cause: error })
    : new StorageError('READ_FAILED', message, { cause: error })
}
