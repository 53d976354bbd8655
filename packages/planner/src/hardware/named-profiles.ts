import { flexgenT4 } from './flexgen-t4.ts'
import { h100Pcie5 } from './h100-pcie5.ts'
import type { HardwareProfile } from './hardware-profile.ts'
import { seedMachine } from './seed-machine.ts'

/** The profiles that ship with the package. */
export const namedProfiles: readonly HardwareProfile[] = [flexgenT4, h100Pcie5, seedMachine]

/** The shipped profile of a name; undefined where there is none. */
export function namedProfile(name: string): HardwareProfile | undefined {
  return namedProfiles.find((profile) => profile.name === name)
}
