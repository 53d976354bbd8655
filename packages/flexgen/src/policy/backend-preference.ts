import type { HardwareProfile } from '@flexgen/planner'
import { FlexgenError } from '@flexgen/spec'
import type { BackendSettings } from '../registry/backends.ts'
import { type BackendPreference, openBackend, type OpenedBackend } from '../registry/open-backend.ts'
import { readSavedHardware, staleness } from './load-hardware.ts'

/** Rows of the products that are compared: a decode step of a small batch. */
const comparedRows = 8

/**
 * Makes the backend of a name, as `openBackend` does; `auto` asks the saved profile of this machine first, where there is
 * one that can be used.
 */
export async function openBackendHere(name: string, settings: BackendSettings = {}): Promise<OpenedBackend> {
  return openBackend(name, settings, undefined, name === 'auto' ? await savedPreference() : undefined)
}

/** What is wrong with a saved profile is for `doctor` and for planning to say: there is a usual order. */
async function savedPreference(): Promise<BackendPreference | undefined> {
  try {
    const profile = await readSavedHardware()
    return profile === undefined || staleness(profile) !== undefined ? undefined : preferenceOf(profile)
  } catch (error) {
    if (FlexgenError.isInstance(error)) return undefined
    throw error
  }
}

/** The backends of a profile by their measured speed; undefined where fewer than two were measured. */
export function preferenceOf({ compute, assumed = [] }: HardwareProfile): BackendPreference | undefined {
  const measured = [compute.device, ...(compute.others ?? [])]
    .map(({ backend, matmul }) => ({ backend, speed: speedOf(matmul) }))
    .filter(({ speed }) => speed > 0)
    .toSorted((a, b) => b.speed - a.speed)
  if (measured.length < 2 || assumed.includes('compute')) return undefined
  const figures = measured.map(({ backend, speed }) => `${backend} ${Math.round(speed / 1e9)}`).join(', ')
  return {
    names: measured.map(({ backend }) => backend),
    reason: `fastest in the profile of this machine (GFLOP/s with ${comparedRows} rows: ${figures})`,
  }
}

function speedOf(rates: HardwareProfile['compute']['device']['matmul']): number {
  const speeds = rates.filter(({ rows, weights }) => rows === comparedRows && weights === 'prepared')
  return speeds.reduce((most, { flopsPerSecond }) => Math.max(most, flopsPerSecond), 0)
}
