import { q4Group } from '@flexgen/spec'
import { float16Values } from './float16-bits.ts'
import { groupBatch, groupWords, storeGroups } from './group-batch.ts'
import { writeScales } from './write-scales.ts'

const groupPairs = q4Group.values / 2
// Numbers of this module itself, because the compiler reads imported ones again for every value.
/** A float64 number whose last bit counts 1: adding it rounds to integers, half to even, which are then its low bits. */
const stepOfOne = 1.5 * 2 ** 52
/** One whose last bit counts 16: adding and taking it away again rounds to multiples of 16. */
const stepOfSixteen = 1.5 * 2 ** 56

/**
 * Quantises the groups of one batch.
 *
 * @param pairs float16 bit patterns, two to an element, group behind group from element `pairAt` on
 * @returns how many groups are NaN
 */
export function quantizeFloat16Groups(
  pairs: Int32Array,
  pairAt: number,
  count: number,
  target: Uint8Array,
  targetAt: number,
): number {
  findRanges(pairs, pairAt, count)
  const notFinite = writeScales(count)
  writeNibbles(pairs, pairAt, count)
  storeGroups(count, target, targetAt)
  return notFinite
}

/**
 * Bit patterns become integers of the same order (NaN lies outside the infinities), which need no table. `d & (d >> 31)`
 * is min(d, 0): the compiler makes branches of `Math.min`, and those are mispredicted for most groups. Four values a
 * turn, because the loop itself costs as much as one.
 */
function findRanges(pairs: Int32Array, pairAt: number, count: number): void {
  const values = float16Values()
  const { minimum, range } = groupBatch()
  for (let group = 0, at = pairAt; group < count; group++, at += groupPairs) {
    let low = 0x7fff
    let high = -0x8000
    for (let i = at, end = at + groupPairs; i < end; i += 2) {
      let pair = pairs[i]!
      let a = (pair << 16) >> 16
      let b = pair >> 16
      a ^= (a >> 15) & 0x7fff
      b ^= (b >> 15) & 0x7fff
      let d = a - b
      d &= d >> 31
      let lower = b + d
      let higher = a - d
      d = lower - low
      low += d & (d >> 31)
      d = high - higher
      high -= d & (d >> 31)

      pair = pairs[i + 1]!
      a = (pair << 16) >> 16
      b = pair >> 16
      a ^= (a >> 15) & 0x7fff
      b ^= (b >> 15) & 0x7fff
      d = a - b
      d &= d >> 31
      lower = b + d
      higher = a - d
      d = lower - low
      low += d & (d >> 31)
      d = high - higher
      high -= d & (d >> 31)
    }
    const least = values[(low ^ ((low >> 15) & 0x7fff)) & 0xffff]!
    const largest = values[(high ^ ((high >> 15) & 0x7fff)) & 0xffff]!
    minimum[group] = least
    range[group] = Math.fround(largest - least)
  }
}

/** FlexGen's rounding in float32: round(fl(fl(x - minimum) * multiplier)), half to even. */
function writeNibbles(pairs: Int32Array, pairAt: number, count: number): void {
  const values = float16Values()
  const { minimum, range, multiplier, words } = groupBatch()
  for (let group = 0, at = pairAt, to = 0; group < count; group++, at += groupPairs, to += groupWords) {
    const least = minimum[group]!
    const factor = multiplier[group]!
    const end = at + groupPairs
    if (range[group]! <= 1) {
      for (let i = at, word = to; i < end; i += 4, word++)
        words[word] =
          exactByte(pairs[i]!, values, least, factor) |
          (exactByte(pairs[i + 1]!, values, least, factor) << 8) |
          (exactByte(pairs[i + 2]!, values, least, factor) << 16) |
          (exactByte(pairs[i + 3]!, values, least, factor) << 24)
    } else {
      for (let i = at, word = to; i < end; i += 4, word++)
        words[word] =
          roundedByte(pairs[i]!, values, least, factor) |
          (roundedByte(pairs[i + 1]!, values, least, factor) << 8) |
          (roundedByte(pairs[i + 2]!, values, least, factor) << 16) |
          (roundedByte(pairs[i + 3]!, values, least, factor) << 24)
    }
  }
}

// Two nibbles are put together before they become an integer, because that conversion is what takes longest.

/** Two nibbles of a group whose range is at most 1: the differences, multiples of 2^-24, are exact in float32. */
function exactByte(pair: number, values: Float32Array, least: number, factor: number): number {
  const upper = Math.fround((values[pair & 0xffff]! - least) * (16 * factor)) + stepOfSixteen - stepOfSixteen
  return (upper + (Math.fround((values[pair >>> 16]! - least) * factor) + stepOfOne)) | 0
}

/** Two nibbles of any group. */
function roundedByte(pair: number, values: Float32Array, least: number, factor: number): number {
  const { fround } = Math
  const upper = fround(fround(values[pair & 0xffff]! - least) * (16 * factor)) + stepOfSixteen - stepOfSixteen
  return (upper + (fround(fround(values[pair >>> 16]! - least) * factor) + stepOfOne)) | 0
}
