import type { Backend } from '@flexgen/spec'
import { availableParallelism } from 'node:os'
import type { LoadedHardware } from './load-hardware.ts'

/** The machine that a backend runs on. */
export interface HardwareSubject {
  readonly backend: Backend
  readonly room: { readonly ramBytes: number; readonly diskBytes: number }
}

/** A profile for a backend: where that has memory of its own and only a host was measured, a card is assumed. */
export async function hardwareHere(
  loaded: LoadedHardware,
  { backend: { device }, room }: HardwareSubject,
): Promise<LoadedHardware> {
  if (device.hostVisible || loaded.profile.machine.device === 'gpu') return loaded
  const { assumedCard } = await import('@flexgen/planner')
  const { description: deviceName, memoryBytes: deviceBytes } = device
  return {
    profile: assumedCard({ deviceName, deviceBytes, cpuCores: availableParallelism(), ...room }),
    source: 'assumed',
  }
}
