import { pieceRows, type TierPercent } from '@flexgen/spec'
import type { WeightUnit } from './weight-unit.ts'

/** Largest piece of a matrix that lies in RAM or on disk as one, in bytes (DESIGN: row blocks of at most 64 MB). */
export const rowBlockMaxBytes: number = 64 * 2 ** 20

/** Rows of a streamed matrix that rest in one tier; on the device only where whole tensors are placed as FlexGen does. */
export interface RowBlock {
  readonly tier: 'device' | 'ram' | 'disk'
  readonly firstRow: number
  readonly rowCount: number
  /** Offset in the unit. */
  readonly byteOffset: number
  readonly byteLength: number
}

/** Where a unit is computed from: prepared on the device, or streamed from its row blocks. */
export type UnitPlacement =
  | { readonly tier: 'device' }
  | { readonly tier: 'streamed'; readonly blocks: readonly RowBlock[] }

/**
 * Turns percents into places by error diffusion over the layers: device against the rest with every prefix of the
 * model within half the largest unit and the whole within one smallest matrix (where the model has
 * matrices enough, as every real size has); then RAM against
 * disk over the rest, by row blocks, every prefix within half the largest block.
 */
export function placeWeights(units: readonly WeightUnit[], percent: TierPercent): UnitPlacement[] {
  const onDevice = diffuseToDevice(units, percent.device / 100)
  const streamedShare = percent.ram + percent.disk
  const ramShare = streamedShare === 0 ? 1 : percent.ram / streamedShare
  let owed = 0
  return units.map((unit, i) => {
    if (onDevice[i]) return { tier: 'device' }
    const blocks = cutRows(unit).map((block) => {
      owed += ramShare * block.byteLength
      const tier: RowBlock['tier'] = owed >= block.byteLength / 2 && ramShare > 0 ? 'ram' : 'disk'
      if (tier === 'ram') owed -= block.byteLength
      return { ...block, tier }
    })
    return { tier: 'streamed', blocks: joinNeighbours(blocks) }
  })
}

/** Which units are on the device. */
function diffuseToDevice(units: readonly WeightUnit[], share: number): boolean[] {
  if (share === 0 || share === 1) return units.map((unit) => share === 1 || unit.kind === 'vector')
  const largest = Math.max(0, ...units.map((unit) => unit.sizeBytes))
  const smallest = Math.min(...units.filter((unit) => unit.kind === 'matrix').map((unit) => unit.sizeBytes))
  let owed = 0
  const owedAfter: number[] = []
  const placed = units.map((unit) => {
    owed += share * unit.sizeBytes
    const take = unit.kind === 'vector' || owed >= unit.sizeBytes / 2
    if (take) owed -= unit.sizeBytes
    owedAfter.push(owed)
    return take
  })
  repairTotal(units, placed, owedAfter, { smallest, largest })
  return placed
}

/**
 * Diffusion leaves up to half the largest unit at the end, which may be the vocabulary. Moves up to three matrices
 * at a time, the last ones of each size, while that brings the total nearer; a prefix may pass its bound by one small matrix,
 * since the vocabulary as the last unit can make both bounds impossible together.
 */
function repairTotal(
  units: readonly WeightUnit[],
  placed: boolean[],
  owedAfter: number[],
  bound: { readonly smallest: number; readonly largest: number },
): void {
  const slack = smallestRecurring(units)
  const changeOf = (i: number): number => (placed[i] ? units[i]!.sizeBytes : -units[i]!.sizeBytes)
  for (;;) {
    const owed = owedAfter.at(-1) ?? 0
    if (Math.abs(owed) <= bound.smallest) return
    const best = flipSets(lastOfEachKind(units, placed))
      .map((flips) => ({ flips, rest: Math.abs(owed + flips.reduce((sum, i) => sum + changeOf(i), 0)) }))
      .filter(({ rest }) => rest < Math.abs(owed))
      .toSorted((a, b) => a.rest - b.rest || a.flips.length - b.flips.length)
      .find(({ flips }) =>
        applyFlips(owedAfter, flips, changeOf).every(
          (value, i) => Math.abs(value) <= Math.max(bound.largest / 2 + slack, Math.abs(owedAfter[i]!)),
        ),
      )
    if (best === undefined) return
    applyFlips(owedAfter, best.flips, changeOf).forEach((value, i) => (owedAfter[i] = value))
    for (const i of best.flips) placed[i] = !placed[i]
  }
}

/** The smallest matrix size that comes again and again, such as the output projection. */
function smallestRecurring(units: readonly WeightUnit[]): number {
  const sizes = units.filter((unit) => unit.kind === 'matrix').map((unit) => unit.sizeBytes)
  return Math.min(...sizes.filter((size) => sizes.filter((other) => other === size).length > 2), Math.max(0, ...sizes))
}

/** The last three matrices of every size and state: flipping any other of the kind changes the total alike. */
function lastOfEachKind(units: readonly WeightUnit[], placed: readonly boolean[]): number[] {
  const seen = new Map<string, number>()
  const kept: number[] = []
  for (let i = units.length - 1; i >= 0; i--) {
    if (units[i]!.kind === 'vector') continue
    const kind = `${units[i]!.sizeBytes} ${placed[i]}`
    const count = seen.get(kind) ?? 0
    seen.set(kind, count + 1)
    if (count < 3) kept.push(i)
  }
  return kept
}

/** All sets of one to three of the given. */
function flipSets(indices: readonly number[]): number[][] {
  return indices.flatMap((a, i) => [
    [a],
    ...indices.slice(i + 1).flatMap((b, j) => [[a, b], ...indices.slice(i + j + 2).map((c) => [a, b, c])]),
  ])
}

function applyFlips(owedAfter: readonly number[], flips: readonly number[], changeOf: (i: number) => number): number[] {
  return owedAfter.map((owed, i) => flips.reduce((sum, flip) => (i >= flip ? sum + changeOf(flip) : sum), owed))
}

/** Even row blocks of at most `rowBlockMaxBytes` (one piece of rows at least). */
function cutRows({ spec, dtype, sizeBytes }: WeightUnit): Omit<RowBlock, 'tier'>[] {
  const rows = spec.shape[0]!
  const each = pieceRows(dtype)
  const pieces = Math.ceil(rows / each)
  const pieceBytes = sizeBytes / pieces
  const count = Math.min(pieces, Math.ceil(sizeBytes / rowBlockMaxBytes))
  return Array.from({ length: count }, (_, i) => {
    const first = Math.floor((i * pieces) / count)
    const end = Math.floor(((i + 1) * pieces) / count)
    const firstRow = first * each
    const rowCount = Math.min(end * each, rows) - firstRow
    return { firstRow, rowCount, byteOffset: first * pieceBytes, byteLength: (end - first) * pieceBytes }
  })
}

/** Blocks of one tier that stand together, as one. */
export function joinNeighbours(blocks: readonly RowBlock[]): RowBlock[] {
  const joined: RowBlock[] = []
  for (const block of blocks) {
    const last = joined.at(-1)
    if (last?.tier === block.tier) {
      joined[joined.length - 1] = {
        ...last,
        rowCount: last.rowCount + block.rowCount,
        byteLength: last.byteLength + block.byteLength,
      }
    } else joined.push(block)
  }
  return joined
}
