import type { HardwareProfile } from '@flexgen/planner'
import { UsageError } from '@flexgen/spec'
import { statfs } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { defaultHardwareFile } from './cache-files.ts'
import { readJsonFile } from './json-file.ts'

/** A hardware profile and where it is from: `assumed` where this machine was never measured. */
export interface LoadedHardware {
  readonly profile: HardwareProfile
  readonly source: 'saved' | 'file' | 'named' | 'assumed'
}

/**
 * The profile of a name or file; by default that which `flexgen profile` has saved, else an assumed one.
 * @throws {FlexgenError} `USAGE` for a name that is none, `CORRUPT_DATA` and `UNSUPPORTED_DATA` for a bad file
 */
export async function loadHardware(name: string | undefined, offloadDir: string): Promise<LoadedHardware> {
  const { assumedHost, namedProfile, namedProfiles, parseHardwareProfile } = await import('@flexgen/planner')
  if (name === undefined) {
    const saved = await readSavedHardware()
    if (saved !== undefined) return { profile: saved, source: 'saved' }
    const room = await roomOf(offloadDir)
    return { profile: assumedHost({ cpuCores: availableParallelism(), ...room }), source: 'assumed' }
  }
  const named = namedProfile(name)
  if (named !== undefined) return { profile: named, source: 'named' }
  const value = await readJsonFile(name)
  if (value === undefined) {
    const names = namedProfiles.map((profile) => profile.name).join(', ')
    throw new UsageError(`there is no hardware profile '${name}'`, { hint: `give a file, or one of ${names}` })
  }
  return { profile: parseHardwareProfile(value, name), source: 'file' }
}

/**
 * The profile that `flexgen profile` has saved; undefined where it never ran.
 * @throws {FlexgenError} `CORRUPT_DATA` and `UNSUPPORTED_DATA` for a bad file
 */
export async function readSavedHardware(file: string = defaultHardwareFile()): Promise<HardwareProfile | undefined> {
  const value = await readJsonFile(file)
  if (value === undefined) return undefined
  const { parseHardwareProfile } = await import('@flexgen/planner')
  return parseHardwareProfile(value, file)
}

const staleAfterDays = 30

/** Why a saved profile should be measured again; undefined where it need not. */
export function staleness(profile: HardwareProfile, now: Date = new Date()): string | undefined {
  const { measuredAt, versions, machine } = profile
  if (measuredAt === undefined) return 'it does not say when it was measured'
  const days = (now.getTime() - Date.parse(measuredAt)) / 86_400_000
  if (days > staleAfterDays) return `it is ${Math.floor(days)} days old`
  const cores = availableParallelism()
  if (machine.cpuCores !== cores) return `it was measured with ${machine.cpuCores} cores, there are ${cores}`
  if (versions?.['node'] !== undefined && versions['node'] !== process.version) {
    return `it was measured with Node ${versions['node']}, this is ${process.version}`
  }
  return undefined
}

/** Memory that can still be allocated, and what is free on the disk of a folder that may not be there yet. */
export async function roomOf(offloadDir: string): Promise<{ ramBytes: number; diskBytes: number }> {
  return { ramBytes: process.availableMemory(), diskBytes: await freeDiskBytes(offloadDir) }
}

async function freeDiskBytes(folder: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(folder)
    return bavail * bsize
  } catch {
    const parent = path.dirname(folder)
    return parent === folder ? 0 : freeDiskBytes(parent)
  }
}
