import { BackendUnavailableError } from '@flexgen/spec'
import { type EngineName, installCommand } from './engine-name.ts'

/**
 * Loads an optional package.
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE` with the command that installs it, or with what it said
 */
export async function loadPackage<Module>(
  engine: EngineName,
  name: string,
  load: () => Promise<Module>,
): Promise<Module> {
  try {
    const loaded = await load()
    // What is CommonJS hides its exports behind the default one where Node cannot list them.
    return (loaded as { readonly default?: Module }).default ?? loaded
  } catch (cause) {
    const hint = installCommand(engine)
    if (isMissing(cause, name)) throw new BackendUnavailableError(`${name} is not installed`, { hint, cause })
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new BackendUnavailableError(`${name} cannot be loaded: ${message.split('\n')[0]!.trim()}`, { hint, cause })
  }
}

function isMissing(error: unknown, name: string): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown }
  const isNotFound = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND'
  return isNotFound && typeof message === 'string' && message.includes(name)
}
