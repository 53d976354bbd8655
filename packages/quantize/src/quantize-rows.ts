import { q4Group } from '@flexgen/spec'
import type { FloatArrays, FloatDType } from './float-arrays.ts'
import { batchGroups } from './group/group-batch.ts'
import { quantizeFloat16Groups } from './group/quantize-float16-groups.ts'
import { quantizeFloat32Groups } from './group/quantize-float32-groups.ts'
import { clearStaging, quantizeStaging, stageValues } from './group/stage-values.ts'
import { viewWords } from './group/view-words.ts'
import { checkRoom, countRows, groupCount, quantizedRowsBytes } from './quantized-bytes.ts'

/**
 * Quantises `[rows, width]` with groups along the rows into q4g64 bytes `[rows, ceil(width / 64)]` of 36 bytes each; the
 * last group of a row is padded with zeros, which count for its range. Nibbles and minima are FlexGen's, to the bit;
 * the README tells of the scale, and of NaN. Nothing is allocated but one view in calls with 32 groups or more.
 *
 * @param source values, or bit patterns of half formats, row behind row
 * @returns how many groups are NaN, because float16 cannot bound their values
 * @throws {UsageError} where sizes do not fit
 */
export function quantizeRows<D extends FloatDType>(
  dtype: D,
  source: FloatArrays[D],
  width: number,
  target: Uint8Array,
): number {
  const rows = countRows(source.length, width)
  checkRoom('the target of quantizeRows', target.length, quantizedRowsBytes(rows, width))
  const groups = rows * groupCount(width)
  if (width % q4Group.values === 0) {
    if (source instanceof Float32Array) return quantizeFloats(source, groups, target)
    const pairs = dtype === 'float16' ? viewWords(source, groups) : undefined
    if (pairs !== undefined) return quantizePairs(pairs, groups, target)
  }
  let notFinite = 0
  for (let first = 0; first < groups; first += batchGroups) {
    const count = Math.min(batchGroups, groups - first)
    stageGroups(dtype, source, width, first, count)
    notFinite += quantizeStaging(dtype, count, target, first * q4Group.bytes)
  }
  return notFinite
}

function quantizeFloats(source: Float32Array, groups: number, target: Uint8Array): number {
  let notFinite = 0
  for (let first = 0; first < groups; first += batchGroups) {
    const count = Math.min(batchGroups, groups - first)
    notFinite += quantizeFloat32Groups(source, first * q4Group.values, count, target, first * q4Group.bytes)
  }
  return notFinite
}

function quantizePairs(pairs: Int32Array, groups: number, target: Uint8Array): number {
  let notFinite = 0
  for (let first = 0; first < groups; first += batchGroups) {
    const count = Math.min(batchGroups, groups - first)
    notFinite += quantizeFloat16Groups(pairs, (first * q4Group.values) / 2, count, target, first * q4Group.bytes)
  }
  return notFinite
}

/** Copies `count` groups of rows from group `first` on, padded to whole groups. */
function stageGroups<D extends FloatDType>(
  dtype: D,
  source: FloatArrays[D],
  width: number,
  first: number,
  count: number,
): void {
  const rowGroups = groupCount(width)
  if (width % q4Group.values !== 0) clearStaging(dtype)
  for (let group = 0; group < count; group++) {
    const row = Math.floor((first + group) / rowGroups)
    const column = (first + group - row * rowGroups) * q4Group.values
    const values = Math.min(q4Group.values, width - column)
    stageValues(dtype, source, row * width + column, group * q4Group.values, 1, values)
  }
}
