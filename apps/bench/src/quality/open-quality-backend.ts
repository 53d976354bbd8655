import { BackendUnavailableError, FlexgenError } from '@flexgen/spec'
import { backends, type BackendSettings, openBackend, type OpenedBackend } from 'flexgen'

/**
 * Opens a backend for scoring: the named one, or for `auto` the first that works and has 4-bit weights and KV, so that
 * one backend computes all variants.
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE` where none does; what opening the named one fails with
 */
export async function openQualityBackend(name: string, settings: BackendSettings): Promise<OpenedBackend> {
  if (name !== 'auto') return openBackend(name, settings)
  for (const candidate of Object.keys(backends)) {
    const opened = await openWhereItWorks(candidate, settings)
    if (opened === undefined) continue
    const { weightDtypes, cacheDtypes } = opened.backend.capabilities
    if (weightDtypes.includes('q4g64') && cacheDtypes.includes('q4g64')) return opened
    await opened.backend[Symbol.asyncDispose]()
  }
  throw new BackendUnavailableError('no backend that works here has 4-bit weights and KV')
}

async function openWhereItWorks(name: string, settings: BackendSettings): Promise<OpenedBackend | undefined> {
  try {
    return await openBackend(name, settings)
  } catch (error) {
    const isAbsent =
      FlexgenError.isInstance(error) && (error.code === 'BACKEND_UNAVAILABLE' || error.code === 'PACKAGE_NOT_FOUND')
    if (isAbsent) return undefined
    throw error
  }
}
