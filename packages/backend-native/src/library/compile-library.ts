import { BackendUnavailableError } from '@flexgen/spec'
import { buildLibrary } from './build-library.ts'

/** How the library is compiled. */
export interface CompileOptions {
  /** Sanitizers that are built in, such as `address,undefined`; `FLEXGEN_NATIVE_SANITIZE` by default. */
  readonly sanitize?: string | undefined
}

/**
 * Path of the library, compiled by the C compiler of this machine where this was not done yet: it takes seconds, and is kept
 * by sources, flags and compiler.
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE` where there is no compiler and no library from before, or it fails
 */
export async function compileLibrary(options: CompileOptions = {}): Promise<string> {
  const { sanitize = process.env['FLEXGEN_NATIVE_SANITIZE'] } = options
  const result = await buildLibrary({ sanitize })
  if ('path' in result) return result.path
  const { problem, hint, cause } = result
  throw new BackendUnavailableError(problem, { hint, cause })
}
