import { q4Group } from '@flexgen/spec'
import { float16Values } from './float16-bits.ts'
import { batchGroups, groupBatch, storeGroups } from './group-batch.ts'
import { writeScales } from './write-scales.ts'

// What a module defines itself is a constant for the compiler, which imports and arguments are not.
const groupWords = q4Group.bytes / 4
/** Rows of a column that make one word of nibbles. */
const wordRows = 8
const stepOfOne = 1.5 * 2 ** 52
const stepOfSixteen = 1.5 * 2 ** 56
/** Least and largest ordered pattern of each column so far. */
const lows = new Int32Array(batchGroups)
const highs = new Int32Array(batchGroups)
const leasts = new Float64Array(batchGroups)
const factors = new Float64Array(batchGroups)

/**
 * Quantises 64 rows of some columns, which are the groups of one batch, where they lie: eight rows at a time, so that the
 * lines of the cache that hold them are read once for all columns. Ranges and rounding are those of
 * `quantizeFloat16Groups`, where they are explained.
 *
 * @param pairs float16 bit patterns, two columns to an element, from element `pairAt` on
 * @param rowPairs elements of a row
 * @param count columns, an even number
 * @returns how many groups are NaN
 */
export function quantizeFloat16ColumnPairs(
  pairs: Int32Array,
  pairAt: number,
  rowPairs: number,
  count: number,
  target: Uint8Array,
  targetAt: number,
): number {
  lows.fill(0x7fff)
  highs.fill(-0x8000)
  for (let row = 0, at = pairAt; row < q4Group.values; row += wordRows, at += wordRows * rowPairs)
    widenRanges(pairs, at, rowPairs, count)
  const isExact = setRanges(count)
  const notFinite = writeScales(count)
  const { minimum, multiplier, words } = groupBatch()
  for (let group = 0; group < count; group++) {
    leasts[group] = minimum[group]!
    factors[group] = multiplier[group]!
  }
  const write = isExact ? writeExactWords : writeRoundedWords
  for (let word = 0, at = pairAt; word < q4Group.values / wordRows; word++, at += wordRows * rowPairs)
    write(pairs, at, rowPairs, count, words, word)
  storeGroups(count, target, targetAt)
  return notFinite
}

/** Takes eight rows into the ranges of their columns. */
function widenRanges(pairs: Int32Array, pairAt: number, rowPairs: number, count: number): void {
  for (let column = 0, first = pairAt; column < count; column += 2, first++) {
    let low = lows[column]!
    let high = highs[column]!
    let nextLow = lows[column + 1]!
    let nextHigh = highs[column + 1]!
    for (let i = 0, at = first; i < wordRows; i += 2, at += 2 * rowPairs) {
      const upper = pairs[at]!
      const lower = pairs[at + rowPairs]!
      let a = (upper << 16) >> 16
      let b = (lower << 16) >> 16
      a ^= (a >> 15) & 0x7fff
      b ^= (b >> 15) & 0x7fff
      let d = a - b
      d &= d >> 31
      let least = b + d
      let largest = a - d
      d = least - low
      low += d & (d >> 31)
      d = high - largest
      high -= d & (d >> 31)

      a = upper >> 16
      b = lower >> 16
      a ^= (a >> 15) & 0x7fff
      b ^= (b >> 15) & 0x7fff
      d = a - b
      d &= d >> 31
      least = b + d
      largest = a - d
      d = least - nextLow
      nextLow += d & (d >> 31)
      d = nextHigh - largest
      nextHigh -= d & (d >> 31)
    }
    lows[column] = low
    highs[column] = high
    lows[column + 1] = nextLow
    highs[column + 1] = nextHigh
  }
}

/** Turns ordered patterns into ranges. @returns whether all are at most 1, so that differences are exact in float32 */
function setRanges(count: number): boolean {
  const values = float16Values()
  const { minimum, range } = groupBatch()
  let isExact = true
  for (let group = 0; group < count; group++) {
    const low = lows[group]!
    const high = highs[group]!
    const least = values[(low ^ ((low >> 15) & 0x7fff)) & 0xffff]!
    const largest = values[(high ^ ((high >> 15) & 0x7fff)) & 0xffff]!
    const distance = Math.fround(largest - least)
    minimum[group] = least
    range[group] = distance
    isExact &&= distance <= 1
  }
  return isExact
}

function writeExactWords(
  pairs: Int32Array,
  pairAt: number,
  rowPairs: number,
  count: number,
  words: Int32Array,
  word: number,
): void {
  const values = float16Values()
  for (let column = 0, at = pairAt, to = word; column < count; column += 2, at++, to += 2 * groupWords) {
    const least = leasts[column]!
    const factor = factors[column]!
    const nextLeast = leasts[column + 1]!
    const nextFactor = factors[column + 1]!
    const a = pairs[at]!
    const b = pairs[at + rowPairs]!
    const c = pairs[at + 2 * rowPairs]!
    const d = pairs[at + 3 * rowPairs]!
    const e = pairs[at + 4 * rowPairs]!
    const f = pairs[at + 5 * rowPairs]!
    const g = pairs[at + 6 * rowPairs]!
    const h = pairs[at + 7 * rowPairs]!
    words[to] =
      exactByte(values[a & 0xffff]!, values[b & 0xffff]!, least, factor) |
      (exactByte(values[c & 0xffff]!, values[d & 0xffff]!, least, factor) << 8) |
      (exactByte(values[e & 0xffff]!, values[f & 0xffff]!, least, factor) << 16) |
      (exactByte(values[g & 0xffff]!, values[h & 0xffff]!, least, factor) << 24)
    words[to + groupWords] =
      exactByte(values[a >>> 16]!, values[b >>> 16]!, nextLeast, nextFactor) |
      (exactByte(values[c >>> 16]!, values[d >>> 16]!, nextLeast, nextFactor) << 8) |
      (exactByte(values[e >>> 16]!, values[f >>> 16]!, nextLeast, nextFactor) << 16) |
      (exactByte(values[g >>> 16]!, values[h >>> 16]!, nextLeast, nextFactor) << 24)
  }
}

function writeRoundedWords(
  pairs: Int32Array,
  pairAt: number,
  rowPairs: number,
  count: number,
  words: Int32Array,
  word: number,
): void {
  const values = float16Values()
  for (let column = 0, at = pairAt, to = word; column < count; column += 2, at++, to += 2 * groupWords) {
    const least = leasts[column]!
    const factor = factors[column]!
    const nextLeast = leasts[column + 1]!
    const nextFactor = factors[column + 1]!
    const a = pairs[at]!
    const b = pairs[at + rowPairs]!
    const c = pairs[at + 2 * rowPairs]!
    const d = pairs[at + 3 * rowPairs]!
    const e = pairs[at + 4 * rowPairs]!
    const f = pairs[at + 5 * rowPairs]!
    const g = pairs[at + 6 * rowPairs]!
    const h = pairs[at + 7 * rowPairs]!
    words[to] =
      roundedByte(values[a & 0xffff]!, values[b & 0xffff]!, least, factor) |
      (roundedByte(values[c & 0xffff]!, values[d & 0xffff]!, least, factor) << 8) |
      (roundedByte(values[e & 0xffff]!, values[f & 0xffff]!, least, factor) << 16) |
      (roundedByte(values[g & 0xffff]!, values[h & 0xffff]!, least, factor) << 24)
    words[to + groupWords] =
      roundedByte(values[a >>> 16]!, values[b >>> 16]!, nextLeast, nextFactor) |
      (roundedByte(values[c >>> 16]!, values[d >>> 16]!, nextLeast, nextFactor) << 8) |
      (roundedByte(values[e >>> 16]!, values[f >>> 16]!, nextLeast, nextFactor) << 16) |
      (roundedByte(values[g >>> 16]!, values[h >>> 16]!, nextLeast, nextFactor) << 24)
  }
}

function exactByte(first: number, second: number, least: number, factor: number): number {
  const upper = Math.fround((first - least) * (16 * factor)) + stepOfSixteen - stepOfSixteen
  return (upper + (Math.fround((second - least) * factor) + stepOfOne)) | 0
}

function roundedByte(first: number, second: number, least: number, factor: number): number {
  const { fround } = Math
  const upper = fround(fround(first - least) * (16 * factor)) + stepOfSixteen - stepOfSixteen
  return (upper + (fround(fround(second - least) * factor) + stepOfOne)) | 0
}
