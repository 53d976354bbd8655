import type { UnitPlacement } from './place-weights.ts'
import type { WeightUnit } from './weight-unit.ts'

/** Bytes on each tier. */
export interface TierBytes {
  device: number
  ram: number
  disk: number
}

/** Bytes of weights that are computed from each tier. */
export function weightBytesByTier(units: readonly WeightUnit[], placement: readonly UnitPlacement[]): TierBytes {
  const bytes: TierBytes = { device: 0, ram: 0, disk: 0 }
  placement.forEach((place, i) => {
    if (place.tier === 'device') bytes.device += units[i]!.sizeBytes
    else for (const block of place.blocks) bytes[block.tier] += block.byteLength
  })
  return bytes
}

/** Shares of a whole in percent; all zero for nothing. */
export function percentOf(bytes: TierBytes): TierBytes {
  const total = bytes.device + bytes.ram + bytes.disk
  const share = (value: number): number => (total === 0 ? 0 : (100 * value) / total)
  return { device: share(bytes.device), ram: share(bytes.ram), disk: share(bytes.disk) }
}
