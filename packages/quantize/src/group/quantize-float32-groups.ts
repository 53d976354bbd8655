import { q4Group } from '@flexgen/spec'
import { groupBatch, groupWords, storeGroups } from './group-batch.ts'
import { writeScales } from './write-scales.ts'

const groupValues = q4Group.values
// As for float16, where they are explained.
const stepOfOne = 1.5 * 2 ** 52
const stepOfSixteen = 1.5 * 2 ** 56

/**
 * Quantises the groups of one batch.
 *
 * @param values group behind group from element `valueAt` on
 * @returns how many groups are NaN
 */
export function quantizeFloat32Groups(
  values: Float32Array,
  valueAt: number,
  count: number,
  target: Uint8Array,
  targetAt: number,
): number {
  findRanges(values, valueAt, count)
  const notFinite = writeScales(count)
  writeNibbles(values, valueAt, count)
  storeGroups(count, target, targetAt)
  return notFinite
}

/** `Math.min` and `Math.max` hand NaN on, which comparisons would drop. */
function findRanges(values: Float32Array, valueAt: number, count: number): void {
  const { minimum, range } = groupBatch()
  for (let group = 0, at = valueAt; group < count; group++, at += groupValues) {
    let least = values[at]!
    let largest = least
    for (let i = at + 1; i < at + groupValues; i++) {
      const value = values[i]!
      least = Math.min(least, value)
      largest = Math.max(largest, value)
    }
    minimum[group] = least
    range[group] = Math.fround(largest - least)
  }
}

function writeNibbles(values: Float32Array, valueAt: number, count: number): void {
  const { minimum, multiplier, words } = groupBatch()
  for (let group = 0, at = valueAt, to = 0; group < count; group++, at += groupValues, to += groupWords) {
    const least = minimum[group]!
    const factor = multiplier[group]!
    for (let i = at, word = to; i < at + groupValues; i += 8, word++)
      words[word] =
        roundedByte(values[i]!, values[i + 1]!, least, factor) |
        (roundedByte(values[i + 2]!, values[i + 3]!, least, factor) << 8) |
        (roundedByte(values[i + 4]!, values[i + 5]!, least, factor) << 16) |
        (roundedByte(values[i + 6]!, values[i + 7]!, least, factor) << 24)
  }
}

function roundedByte(first: number, second: number, least: number, factor: number): number {
  const { fround } = Math
  const upper = fround(fround(first - least) * (16 * factor)) + stepOfSixteen - stepOfSixteen
  return (upper + (fround(fround(second - least) * factor) + stepOfOne)) | 0
}
