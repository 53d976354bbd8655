import { tensorBytes, type TierPercent } from '@flexgen/spec'
import type { RowHome } from './place-rows.ts'
import { joinNeighbours, type RowBlock, type UnitPlacement } from './place-weights.ts'
import type { WeightUnit } from './weight-unit.ts'

/** A checkpoint tensor of a layer, or a part of a stacked weight. */
interface Piece {
  readonly unit: WeightUnit
  readonly sizeBytes: number
}

/**
 * Places whole tensors as FlexGen does (flex_opt.py, `get_choice` and `init_weight_list`): in each layer the tensor goes
 * to the first of disk, RAM and device whose cumulative share exceeds the middle of the tensor. So 12/78/10 of OPT-30B
 * becomes 0.06/99.94/0. Vectors are resident here all the same. A stacked weight whose tensors part is streamed, the
 * device's tensors from the device.
 */
export function placeWeightsLikeFlexgen(units: readonly WeightUnit[], percent: TierPercent): UnitPlacement[] {
  const tiers = new Map<WeightUnit, RowBlock['tier'][]>()
  const lastLayer = units.at(-1)?.layer
  for (const layer of new Set(units.map((unit) => unit.layer))) {
    const pieces = inFlexgenOrder(
      units.filter((unit) => unit.layer === layer),
      layer === lastLayer,
    )
    const total = pieces.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    let before = 0
    for (const { unit, sizeBytes } of pieces) {
      const middlePercent = (100 * (before + sizeBytes / 2)) / total
      before += sizeBytes
      const tier = middlePercent < percent.disk ? 'disk' : middlePercent < percent.disk + percent.ram ? 'ram' : 'device'
      // Parts of a unit come in their order.
      tiers.set(unit, [...(tiers.get(unit) ?? []), tier])
    }
  }
  return units.map((unit): UnitPlacement => {
    const own = tiers.get(unit)!
    if (unit.kind === 'vector' || own.every((tier) => tier === 'device')) return { tier: 'device' }
    return { tier: 'streamed', blocks: joinNeighbours(blocksOf(unit, own)) }
  })
}

/** FlexGen lists weight and bias of each projection together and norms last; in the output layer norms come first. */
function inFlexgenOrder(units: readonly WeightUnit[], isHead: boolean): Piece[] {
  const matrices = units.filter(({ kind }) => kind === 'matrix')
  const biasOf = (matrix: WeightUnit): WeightUnit | undefined =>
    units.find((unit) => unit.kind === 'vector' && prefixOf(unit) === prefixOf(matrix))
  const projections = matrices.flatMap((matrix) => {
    const bias = biasOf(matrix)
    return matrix.spec.parts.flatMap((_, part) => [
      pieceOf(matrix, part),
      ...(bias === undefined ? [] : [pieceOf(bias, part)]),
    ])
  })
  const biases = new Set(matrices.map(biasOf))
  const norms = units.filter((unit) => unit.kind === 'vector' && !biases.has(unit)).map((unit) => pieceOf(unit, 0))
  return isHead ? [...norms, ...projections] : [...projections, ...norms]
}

function prefixOf({ spec }: WeightUnit): string {
  return spec.name.slice(0, spec.name.lastIndexOf('.'))
}

function pieceOf(unit: WeightUnit, part: number): Piece {
  return { unit, sizeBytes: tensorBytes(unit.dtype, unit.spec.parts[part]!.shape) }
}

function blocksOf(unit: WeightUnit, tiers: readonly RowBlock['tier'][]): RowBlock[] {
  let firstRow = 0
  let byteOffset = 0
  return unit.spec.parts.map(({ shape }, part): RowBlock => {
    const { sizeBytes } = pieceOf(unit, part)
    const block = { tier: tiers[part]!, firstRow, rowCount: shape[0]!, byteOffset, byteLength: sizeBytes }
    firstRow += shape[0]!
    byteOffset += sizeBytes
    return block
  })
}

/**
 * Homes of the KV of one GPU batch as FlexGen cuts it (pytorch_backend.py, `TorchMixedDevice`): the device's and RAM's
 * shares are rounded down to whole sequences, the rest is disk, or RAM where disk has no share.
 */
export function placeCacheLikeFlexgen(percent: TierPercent, sequences: number): RowHome[] {
  const device = Math.floor((sequences * percent.device) / 100)
  const ram = percent.disk === 0 ? sequences - device : Math.floor((sequences * percent.ram) / 100)
  return Array.from({ length: sequences }, (_, i) => (i < device ? 'device' : i < device + ram ? 'ram' : 'disk'))
}
