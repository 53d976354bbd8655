import type { MeasuredLink } from '../measure/measured-link.ts'
import type { Side } from '../run/side.ts'
import { readProfile } from './read-profile.ts'
import { findScenario } from './named-scenarios.ts'

/** The profile that a side is simulated on; undefined for a side of this machine. */
export function profileOf(side: Side): string | undefined {
  return side.kind === 'flexgen' ? side.settings.simulate : undefined
}

/**
 * Reads every profile and scenario once, so that a wrong one is known before anything runs.
 * @throws {FlexgenError} `FILE_NOT_FOUND`, `CORRUPT_DATA` or `UNSUPPORTED_DATA`
 */
export async function checkSimulatedSides(sides: readonly Side[]): Promise<void> {
  const profiles = new Set(sides.flatMap((side) => profileOf(side) ?? []))
  const scenarios = new Map(
    sides.flatMap((side) => {
      const { scenario, genLen = 0 } = side.kind === 'flexgen' ? side.settings : {}
      return scenario === undefined ? [] : [[scenario, genLen] as const]
    }),
  )
  for (const profile of profiles) await readProfile(profile)
  for (const [scenario, sweeps] of scenarios) await findScenario(scenario, sweeps)
}

/** The links of the machine that all sides are simulated on, in place of a measurement; none where there are several. */
export async function simulatedLinks(sides: readonly Side[]): Promise<MeasuredLink[]> {
  const [profile, ...others] = new Set(sides.map(profileOf))
  if (profile === undefined || others.length > 0) return []
  const { diskRead, diskWrite, hostToDevice, deviceToHost } = (await readProfile(profile)).links
  return [
    { link: 'disk write', direct: false, bytesPerSecond: diskWrite.buffered.bytesPerSecond },
    { link: 'disk read', direct: false, bytesPerSecond: diskRead.buffered.bytesPerSecond },
    { link: 'disk read', direct: true, bytesPerSecond: diskRead.direct.bytesPerSecond },
    ...(hostToDevice === undefined
      ? []
      : [{ link: 'to device' as const, direct: false, bytesPerSecond: hostToDevice.pinned.bytesPerSecond }]),
    ...(deviceToHost === undefined
      ? []
      : [{ link: 'from device' as const, direct: false, bytesPerSecond: deviceToHost.pinned.bytesPerSecond }]),
  ]
}
