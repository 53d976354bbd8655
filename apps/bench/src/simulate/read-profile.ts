import { type HardwareProfile, namedProfile, namedProfiles, parseHardwareProfile } from '@flexgen/planner'
import { readJsonFile } from './read-json-file.ts'

/**
 * The hardware profile that a simulation runs on: a shipped one by its name, or a file.
 * @throws {FlexgenError} `FILE_NOT_FOUND`, `CORRUPT_DATA` or `UNSUPPORTED_DATA`
 */
export async function readProfile(name: string): Promise<HardwareProfile> {
  const names = namedProfiles.map((profile) => profile.name).join(', ')
  return (
    namedProfile(name) ??
    parseHardwareProfile(await readJsonFile(name, 'hardware profile', `give a file, or one of: ${names}`), name)
  )
}
