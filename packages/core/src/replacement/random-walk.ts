import type { TierPercent } from '@flexgen/spec'

/**
 * The walk of the fork whose log this project starts from: the device's share is drawn within two points of where it was and
 * rounded down, RAM's too, and the disk gets the rest; so the disk's share drifts up (its flex_opt.py at 5245266).
 * @param next random numbers of [0, 1)
 */
export function walkPercent({ device, ram }: TierPercent, next: () => number): TierPercent {
  const draw = (low: number, high: number): number => Math.floor(low + (high - low) * next())
  const nextDevice = Math.min(100, Math.max(0, draw(device - 2, device + 2)))
  const nextRam = Math.min(100 - nextDevice, Math.max(0, draw(ram - 2, Math.min(100 - nextDevice, ram + 2))))
  return { device: nextDevice, ram: nextRam, disk: 100 - nextDevice - nextRam }
}
