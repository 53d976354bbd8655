import type { HardwareProfile } from './hardware-profile.ts'

/**
 * A profile as a run on one of its backends sees it; the same profile where that backend was not measured.
 * @param onHost whether the backend works on RAM itself; then a machine with a card is its host
 */
export function hardwareForBackend(
  profile: HardwareProfile,
  backend: string | undefined,
  onHost = false,
): HardwareProfile {
  if (onHost && profile.machine.device === 'gpu') return hardwareForBackend(hostOf(profile), backend)
  const { compute } = profile
  const measured = compute.others?.find((rates) => rates.backend === backend)
  if (measured === undefined || compute.device.backend === backend) return profile
  const others = [compute.device, ...(compute.others ?? []).filter((rates) => rates !== measured)]
  return { ...profile, compute: { ...compute, device: measured, others } }
}

/** The host of a machine with a card, without the card. */
function hostOf(profile: HardwareProfile): HardwareProfile {
  const { machine, capacity, links, compute } = profile
  const { hostToDevice: _in, deviceToHost: _out, pinning: _pinning, ...own } = links
  return {
    ...profile,
    machine: { ...machine, device: 'host' },
    capacity: { ...capacity, deviceBytes: capacity.ramBytes },
    links: own,
    shared: [],
    compute: { device: compute.host ?? compute.device },
  }
}

/** A machine with a card on whose host nothing attends. */
export function hardwareWithoutHost(profile: HardwareProfile): HardwareProfile {
  const { host: _, ...compute } = profile.compute
  return { ...profile, compute }
}

/** Whether a profile has speeds of a backend. */
export function knowsBackend({ compute }: HardwareProfile, backend: string): boolean {
  return [compute.device, ...(compute.others ?? [])].some((rates) => rates.backend === backend)
}
