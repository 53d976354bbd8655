import { h100Pcie5 } from './h100-pcie5.ts'
import type { HardwareProfile } from './hardware-profile.ts'

/** What an assumed card is told about the real one and its host. */
export interface AssumedCardOptions {
  readonly deviceName: string
  readonly deviceBytes: number
  readonly cpuCores: number
  readonly ramBytes: number
  readonly diskBytes: number
}

/**
 * A machine with a card, as it may be while nobody has measured it: speeds of an H100, good enough to choose where things
 * go, not to say how long they take. All of it but the capacities is marked as assumed.
 */
export function assumedCard({ deviceName, cpuCores, ...capacity }: AssumedCardOptions): HardwareProfile {
  const { measuredAt: _, versions: _versions, ...speeds } = h100Pcie5
  return {
    ...speeds,
    name: 'assumed',
    description: `${deviceName} and ${cpuCores} cores, not measured`,
    assumed: ['links', 'compute', 'costs', 'shared'],
    machine: { device: 'gpu', deviceName, cpuCores },
    capacity,
  }
}
