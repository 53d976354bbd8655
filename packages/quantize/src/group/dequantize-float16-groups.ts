import { q4Group } from '@flexgen/spec'
import { float16Bits, float16Values } from './float16-bits.ts'
import { batchGroups } from './group-batch.ts'

// What a module defines itself is a constant for the compiler, which imports and arguments are not: a sixth of the time.
const groupWords = q4Group.bytes / 4
const scaleWord = groupWords - 1
const target = new Uint16Array(batchGroups * q4Group.values)
const levels = 16
const values = new Float32Array(levels)
const valueBits = new Int32Array(values.buffer)
/** The float16 patterns of a group's 16 values. */
const patterns = new Int32Array(levels)
/** The same for a batch of groups. */
const columnPatterns = new Int32Array(batchGroups * levels)

/** A group has 16 values at most: they are rounded to float16 once, and looked up 64 times. */
function setPatterns(scaleAndLeast: number): void {
  const halves = float16Values()
  const scale = halves[scaleAndLeast & 0xffff]!
  const least = halves[scaleAndLeast >>> 16]!
  for (let level = 0; level < levels; level++) values[level] = least + level * scale
  let outside = 0
  for (let level = 0; level < levels; level++) {
    const bits = valueBits[level]!
    const magnitude = bits & 0x7fff_ffff
    // Normal numbers as in `float16Bits`; the sign bit of `outside` tells that there are others.
    patterns[level] = ((bits >>> 16) & 0x8000) | (((magnitude + 0xfff + ((magnitude >> 13) & 1)) >> 13) - 0x1c000)
    outside |= (magnitude - 0x3880_0000) | (0x477f_ffff - magnitude)
  }
  if (outside < 0) for (let level = 0; level < levels; level++) patterns[level] = float16Bits(values[level]!)
}

/**
 * The values of up to 32 groups behind each other as float16 patterns: the float32 values, rounded to float16. They last
 * until the next call.
 *
 * @param words quantised groups, from element `wordAt` on
 */
export function dequantizeFloat16Groups(words: Int32Array, wordAt: number, count: number): Uint16Array {
  for (let group = 0, at = wordAt, to = 0; group < count; group++, at += groupWords) {
    const end = at + scaleWord
    setPatterns(words[end]!)
    for (let i = at; i < end; i++, to += 8) {
      const word = words[i]!
      target[to] = patterns[(word >> 4) & 15]!
      target[to + 1] = patterns[word & 15]!
      target[to + 2] = patterns[(word >> 12) & 15]!
      target[to + 3] = patterns[(word >> 8) & 15]!
      target[to + 4] = patterns[(word >> 20) & 15]!
      target[to + 5] = patterns[(word >> 16) & 15]!
      target[to + 6] = patterns[word >>> 28]!
      target[to + 7] = patterns[(word >> 24) & 15]!
    }
  }
  return target
}

/**
 * Writes the values of up to 32 groups, an even number, as columns of 64 rows: eight rows of two columns at a time.
 *
 * @param target float16 patterns, two columns to an element, from element `targetAt` on
 * @param rowPairs elements of a row of the target
 */
export function dequantizeFloat16ColumnPairs(
  words: Int32Array,
  wordAt: number,
  count: number,
  target: Int32Array,
  targetAt: number,
  rowPairs: number,
): void {
  for (let column = 0, at = wordAt + scaleWord, to = 0; column < count; column++, at += groupWords) {
    setPatterns(words[at]!)
    for (let level = 0; level < levels; level++, to++) columnPatterns[to] = patterns[level]!
  }
  for (let row = 0, first = wordAt; row < q4Group.values; row += 8, first++) {
    for (let column = 0, at = first, to = targetAt + row * rowPairs; column < count; column += 2, to++) {
      const left = words[at]!
      const right = words[at + groupWords]!
      const a = column * levels
      const b = a + levels
      at += 2 * groupWords
      target[to] = columnPatterns[a | ((left >> 4) & 15)]! | (columnPatterns[b | ((right >> 4) & 15)]! << 16)
      target[to + rowPairs] = columnPatterns[a | (left & 15)]! | (columnPatterns[b | (right & 15)]! << 16)
      target[to + 2 * rowPairs] =
        columnPatterns[a | ((left >> 12) & 15)]! | (columnPatterns[b | ((right >> 12) & 15)]! << 16)
      target[to + 3 * rowPairs] =
        columnPatterns[a | ((left >> 8) & 15)]! | (columnPatterns[b | ((right >> 8) & 15)]! << 16)
      target[to + 4 * rowPairs] =
        columnPatterns[a | ((left >> 20) & 15)]! | (columnPatterns[b | ((right >> 20) & 15)]! << 16)
      target[to + 5 * rowPairs] =
        columnPatterns[a | ((left >> 16) & 15)]! | (columnPatterns[b | ((right >> 16) & 15)]! << 16)
      target[to + 6 * rowPairs] = columnPatterns[a | (left >>> 28)]! | (columnPatterns[b | (right >>> 28)]! << 16)
      target[to + 7 * rowPairs] =
        columnPatterns[a | ((left >> 24) & 15)]! | (columnPatterns[b | ((right >> 24) & 15)]! << 16)
    }
  }
}
