/** One number for the device, for RAM and for disk, such as bytes or a margin. */
export interface TierAmounts {
  readonly device: number
  readonly ram: number
  readonly disk: number
}

/** The tiers, fastest first. */
export const tierNames = ['device', 'ram', 'disk'] as const

/** A tier by its name. */
export type TierName = (typeof tierNames)[number]

/** Applies a function to the amount of every tier. */
export function mapTiers(amounts: TierAmounts, change: (amount: number, tier: TierName) => number): TierAmounts {
  return {
    device: change(amounts.device, 'device'),
    ram: change(amounts.ram, 'ram'),
    disk: change(amounts.disk, 'disk'),
  }
}
