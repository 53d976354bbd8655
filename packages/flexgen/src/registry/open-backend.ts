import { type Backend, BackendUnavailableError, FlexgenError, UsageError } from '@flexgen/spec'
import { type BackendEntry, backends, type BackendSettings } from './backends.ts'

/** A backend and what users should know of how it was chosen. */
export interface OpenedBackend {
  readonly backend: Backend
  readonly notices: readonly string[]
}

/** Which backends `auto` tries first, such as those that a profile of the machine found to be fastest. */
export interface BackendPreference {
  /** Names, the best first; those that are not known are passed over, and the others come behind in their usual order. */
  readonly names: readonly string[]
  /** Why, half a sentence for people: `fastest in the profile of this machine, 61 tokens/s`. */
  readonly reason: string
}

/**
 * Makes the backend of a name, which may end in one of its engines (`tfjs:wasm`); `auto` is the first that works, and says
 * which and why, and what did not work.
 * @param preference what `auto` tries before the usual order
 * @throws {UsageError} for an unknown name
 * @throws {FlexgenError} `PACKAGE_NOT_FOUND` or `BACKEND_UNAVAILABLE`; with `auto` only where none works
 */
export async function openBackend(
  name: string,
  settings: BackendSettings = {},
  registry: Readonly<Record<string, BackendEntry>> = backends,
  preference?: BackendPreference,
): Promise<OpenedBackend> {
  if (name === 'auto') return openFirst(settings, registry, preference)
  const [base = '', engine] = name.split(/:(.*)/s)
  const entry = Object.hasOwn(registry, base) ? registry[base] : undefined
  if (entry === undefined || (engine !== undefined && entry.engines === undefined)) {
    throw new UsageError(`there is no backend '${name}'`, { hint: `one of: ${Object.keys(registry).join(', ')}, auto` })
  }
  if (engine !== undefined && !entry.engines!.includes(engine)) {
    const hint = `one of: ${entry.engines!.map((known) => `${base}:${known}`).join(', ')}`
    throw new UsageError(`backend ${base} has no engine '${engine}'`, { hint })
  }
  const all = engine === undefined ? settings : { ...settings, engine }
  return { backend: await entry.create(all), notices: notApplied(base, entry, all) }
}

async function openFirst(
  settings: BackendSettings,
  registry: Readonly<Record<string, BackendEntry>>,
  preference: BackendPreference = { names: [], reason: '' },
): Promise<OpenedBackend> {
  const failures: { readonly message: string; readonly hint?: string | undefined }[] = []
  const preferred = preference.names.filter((name) => Object.hasOwn(registry, name))
  // A set keeps the first place of each name.
  const candidates = [...new Set([...preferred, ...Object.keys(registry)])]
    .map((name) => [name, registry[name]!] as const)
    // Who asks for an API asks for a backend that has one.
    .filter(([, entry]) => !settings.api || entry.settings.includes('api'))
  if (candidates.length === 0) throw new BackendUnavailableError(`no backend has the API '${settings.api}'`)
  for (const [name, entry] of candidates) {
    try {
      const backend = await entry.create(settings)
      const chosen =
        failures.length === 0
          ? [`auto took ${name}: ${preferred.includes(name) ? preference.reason : entry.merit}`]
          : failures.map(
              ({ message, hint }) => `${message}; fell back to ${name}${hint ? ` (to use it: ${hint})` : ''}`,
            )
      return { backend, notices: [...chosen, ...notApplied(name, entry, settings)] }
    } catch (error) {
      if (!FlexgenError.isInstance(error) || !unavailable.has(error.code)) throw error
      failures.push({ message: `backend ${name} does not work here: ${error.message}`, hint: error.hint })
    }
  }
  throw new BackendUnavailableError(`no backend works here: ${failures.map(({ message }) => message).join('; ')}`)
}

const unavailable = new Set(['BACKEND_UNAVAILABLE', 'PACKAGE_NOT_FOUND'])

function notApplied(name: string, entry: BackendEntry, settings: BackendSettings): string[] {
  const given = (Object.keys(settings) as (keyof BackendSettings)[]).filter((key) => settings[key] !== undefined)
  return (
    given
      // Where device and RAM are one memory nothing is page-locked in any case.
      .filter((key) => !entry.settings.includes(key) && key !== 'pinWeight')
      .map((key) => `backend ${name} has no setting '${key}': not applied`)
  )
}
