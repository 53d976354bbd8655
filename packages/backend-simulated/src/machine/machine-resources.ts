import { UsageError } from '@flexgen/spec'
import type { DiskWay, LinkName, SimulatedHardware } from '../scenario/hardware.ts'
import type { ScenarioSpeed } from '../scenario/scenario.ts'
import { SharedResource } from '../time/shared-resource.ts'
import type { VirtualTime } from '../time/virtual-time.ts'

/** Everything of a machine whose speed may change. */
export const speedNames: readonly ScenarioSpeed[] = [
  'hostToDevice',
  'deviceToHost',
  'diskRead',
  'diskWrite',
  'ramRead',
  'deviceCompute',
  'hostCompute',
]

/** The links of a machine and what computes there, by name. */
export type MachineResources = Readonly<Record<ScenarioSpeed, SharedResource>>

/** Makes the resources of a machine; links that are slower beside each other are coupled. */
export function createResources(
  time: VirtualTime,
  hardware: SimulatedHardware,
  speeds: Readonly<Record<LinkName, number>>,
  way: DiskWay,
): MachineResources {
  const resources = Object.fromEntries(
    speedNames.map((name) => [name, new SharedResource(time, name)]),
  ) as unknown as MachineResources
  const { shared = [], machine, besideReads } = hardware
  const computing = machine.device === 'host' ? resources.deviceCompute : resources.hostCompute
  for (const { links, bytesPerSecond } of shared) {
    const [first, second] = links
    const [ofFirst, ofSecond] = links.map((link, i) => Math.min(1, bytesPerSecond[i]! / speeds[link])) as [
      number,
      number,
    ]
    resources[first].couple(resources[second], ofFirst, ofSecond)
    // Attention on the host reads the RAM.
    if (machine.device === 'host') continue
    if (second === 'ramRead') resources[first].couple(computing, ofFirst, ofSecond)
    if (first === 'ramRead') computing.couple(resources[second], ofFirst, ofSecond)
  }
  const beside = besideReads?.[way === 'direct' ? 'direct' : 'cached']
  if (beside !== undefined) resources.diskRead.couple(computing, beside.read, beside.compute)
  return resources
}

/**
 * Bytes a second of every link alone.
 * @throws {UsageError} where the profile of a gpu has no link to it
 */
export function linkSpeeds(
  { links, machine }: SimulatedHardware,
  way: DiskWay,
  isPinned: boolean,
): Readonly<Record<LinkName, number>> {
  const speedOf = (name: 'hostToDevice' | 'deviceToHost'): number => {
    const link = links[name]
    if (link === undefined && machine.device === 'gpu') throw new UsageError(`the profile has no link ${name}`)
    return (link?.[isPinned ? 'pinned' : 'pageable'] ?? links.ramRead).bytesPerSecond
  }
  return {
    hostToDevice: speedOf('hostToDevice'),
    deviceToHost: speedOf('deviceToHost'),
    diskRead: (links.diskRead[way] ?? links.diskRead.buffered).bytesPerSecond,
    diskWrite: (links.diskWrite[way] ?? links.diskWrite.buffered).bytesPerSecond,
    ramRead: links.ramRead.bytesPerSecond,
  }
}
