import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type HardwareProfile, namedProfile } from '@flexgen/planner'
import { FlexgenError } from '@flexgen/spec'
import { settingsOf } from '../../case/case-settings.ts'
import { parseCommand } from '../../case/parse-command.ts'
import { measureCase } from '../../measure/measure-case.ts'
import type { DiskSpeeds, PublishedRun } from './published-runs.ts'

/** Name of the profile that all runs are simulated on. */
export const publishedProfile = 'flexgen-t4'

/** A published run with what came of its simulation. */
export interface SimulatedRun extends PublishedRun {
  /** Absent where it does not fit. */
  readonly simulated?: {
    readonly tokensPerSecond: number
    readonly prefillSeconds: number
    readonly decodeSeconds: number
  }
}

/**
 * Simulates a published run with FlexGen's own rounding of percents.
 * @param folder where profiles with other disks are written
 */
export async function simulateRun(run: PublishedRun, folder: string): Promise<SimulatedRun> {
  const simulate = run.disk === undefined ? publishedProfile : await writeProfile(run.disk, folder)
  const flags = parseCommand(`--model ${run.model} ${run.flags}`)
  const settings = { ...settingsOf({ ...flags, simulate, placement: 'flexgen' }, 0), pagePositions: run.pagePositions }
  try {
    const { prefillSeconds, decodeSeconds, work } = await measureCase(settings)
    const tokensPerSecond = (work.prompts * work.newTokens) / (prefillSeconds + decodeSeconds)
    return { ...run, simulated: { tokensPerSecond, prefillSeconds, decodeSeconds } }
  } catch (error) {
    if (FlexgenError.isInstance(error) && error.code === 'INFEASIBLE') return run
    throw error
  }
}

/** The profile with another disk, in a file. */
async function writeProfile({ read, write }: DiskSpeeds, folder: string): Promise<string> {
  const profile = namedProfile(publishedProfile)!
  const links = {
    ...profile.links,
    diskRead: { direct: { bytesPerSecond: read }, buffered: { bytesPerSecond: read } },
    diskWrite: { direct: { bytesPerSecond: write }, buffered: { bytesPerSecond: write } },
  }
  const changed: HardwareProfile = { ...profile, name: `${profile.name}-${read / 1e9}-${write / 1e9}`, links }
  const file = path.join(folder, `${changed.name}.json`)
  await writeFile(file, JSON.stringify(changed))
  return file
}
