import { type Backend, BackendUnavailableError, FlexgenError, UsageError } from '@flexgen/spec'
import { type BackendEntry, backends, type BackendSettings } from './backends.ts'

/** A backend and what users should know of how it was chosen. */
export interface OpenedBackend {
  readonly backend: Backend
  readonly notices: readonly string[]
}

/**
 * Makes the backend of a name; `auto` is the first that works, and says what did not.
 * @throws {UsageError} for an unknown name
 * @throws {FlexgenError} `PACKAGE_NOT_FOUND` or `BACKEND_UNAVAILABLE`; with `auto` only where none works
 */
export async function openBackend(
  name: string,
  settings: BackendSettings = {},
  registry: Readonly<Record<string, BackendEntry>> = backends,
): Promise<OpenedBackend> {
  if (name === 'auto') return openFirst(settings, registry)
  const entry = Object.hasOwn(registry, name) ? registry[name] : undefined
  if (entry === undefined) {
    throw new UsageError(`there is no backend '${name}'`, { hint: `one of: ${Object.keys(registry).join(', ')}, auto` })
  }
  return { backend: await entry.create(settings), notices: notApplied(name, entry, settings) }
}

async function openFirst(
  settings: BackendSettings,
  registry: Readonly<Record<string, BackendEntry>>,
): Promise<OpenedBackend> {
  const failures: string[] = []
  // Who asks for an API asks for a backend that has one.
  const candidates = Object.entries(registry).filter(([, entry]) => !settings.api || entry.settings.includes('api'))
  if (candidates.length === 0) throw new BackendUnavailableError(`no backend has the API '${settings.api}'`)
  for (const [name, entry] of candidates) {
    try {
      const backend = await entry.create(settings)
      const fellBack = failures.map((failure) => `${failure}; fell back to ${name}`)
      return { backend, notices: [...fellBack, ...notApplied(name, entry, settings)] }
    } catch (error) {
      if (!FlexgenError.isInstance(error) || !unavailable.has(error.code)) throw error
      failures.push(`backend ${name} does not work here: ${error.message}`)
    }
  }
  throw new BackendUnavailableError(`no backend works here: ${failures.join('; ')}`)
}

const unavailable = new Set(['BACKEND_UNAVAILABLE', 'PACKAGE_NOT_FOUND'])

function notApplied(name: string, entry: BackendEntry, settings: BackendSettings): string[] {
  const given = (Object.keys(settings) as (keyof BackendSettings)[]).filter((key) => settings[key] !== undefined)
  return given
    .filter((key) => !entry.settings.includes(key))
    .map((key) => `backend ${name} has no setting '${key}': not applied`)
}
