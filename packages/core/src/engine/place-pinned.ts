import type { Backend, Policy, WeightSource } from '@flexgen/spec'
import { joinNeighbours, type UnitPlacement } from '../placement/place-weights.ts'
import type { WeightUnit } from '../placement/weight-unit.ts'
import type { CutModel } from '../plan/cut-model.ts'
import { canBeReadAgain } from './read-unit.ts'

/** Where weights rest, and the matrices that are pinned over that. */
export interface PinnedPlacement {
  readonly placement: readonly UnitPlacement[]
  readonly wantedPins: readonly WeightUnit[]
}

/**
 * Places weights so that they may come and go: one tier below where the policy wants them, and pinned there. What it wants on
 * a device with memory of its own rests in RAM; what it wants in the RAM of a host rests in the checkpoint, if its files hold the very bytes.
 */
export function placePinned(
  { units, place }: Pick<CutModel, 'units' | 'place'>,
  policy: Policy,
  backend: Backend,
  source: WeightSource,
): PinnedPlacement {
  const wanted = place(policy)
  if (!backend.device.hostVisible) {
    const { device, ram, disk } = policy.weights
    return {
      placement: place({ ...policy, weights: { device: 0, ram: device + ram, disk } }),
      // The very matrices that would be prepared there.
      wantedPins: units.filter(({ kind }, i) => kind === 'matrix' && wanted[i]!.tier === 'device'),
    }
  }
  const ramBytes = (place: UnitPlacement): number =>
    place.tier === 'device'
      ? 0
      : place.blocks.reduce((sum, { tier, byteLength }) => sum + (tier === 'ram' ? byteLength : 0), 0)
  const mayLeave = units.map((unit) => canBeReadAgain(source, unit))
  return {
    placement: wanted.map((place, i) => (mayLeave[i] ? restInFiles(place) : place)),
    wantedPins: units.filter((unit, i) => mayLeave[i] && ramBytes(wanted[i]!) >= unit.sizeBytes / 2),
  }
}

function restInFiles(place: UnitPlacement): UnitPlacement {
  if (place.tier === 'device') return place
  const blocks = place.blocks.map((block) => (block.tier === 'ram' ? ({ ...block, tier: 'disk' } as const) : block))
  return { tier: 'streamed', blocks: joinNeighbours(blocks) }
}
