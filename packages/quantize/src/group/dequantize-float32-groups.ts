import { q4Group } from '@flexgen/spec'
import { float16Values } from './float16-bits.ts'
import { batchGroups } from './group-batch.ts'

// What a module defines itself is a constant for the compiler, which imports and arguments are not: a sixth of the time.
const groupWords = q4Group.bytes / 4
const scaleWord = groupWords - 1
const target = new Float32Array(batchGroups * q4Group.values)

/**
 * The values of up to 32 groups behind each other: minimum + nibble * scale, which is exact in float64, rounded once.
 * They last until the next call.
 *
 * @param words quantised groups, from element `wordAt` on
 */
export function dequantizeFloat32Groups(words: Int32Array, wordAt: number, count: number): Float32Array {
  const halves = float16Values()
  for (let group = 0, at = wordAt, to = 0; group < count; group++, at += groupWords) {
    const end = at + scaleWord
    const scale = halves[words[end]! & 0xffff]!
    const least = halves[words[end]! >>> 16]!
    for (let i = at; i < end; i++, to += 8) {
      const word = words[i]!
      target[to] = least + ((word >> 4) & 15) * scale
      target[to + 1] = least + (word & 15) * scale
      target[to + 2] = least + ((word >> 12) & 15) * scale
      target[to + 3] = least + ((word >> 8) & 15) * scale
      target[to + 4] = least + ((word >> 20) & 15) * scale
      target[to + 5] = least + ((word >> 16) & 15) * scale
      target[to + 6] = least + (word >>> 28) * scale
      target[to + 7] = least + ((word >> 24) & 15) * scale
    }
  }
  return target
}

const columnScales = new Float64Array(batchGroups)
const columnLeasts = new Float64Array(batchGroups)

/**
 * Writes the values of up to 32 groups as columns of 64 rows, eight rows at a time.
 *
 * @param width elements of a row of the target
 */
export function dequantizeFloat32Columns(
  words: Int32Array,
  wordAt: number,
  count: number,
  target: Float32Array,
  targetAt: number,
  width: number,
): void {
  const halves = float16Values()
  for (let column = 0, at = wordAt + scaleWord; column < count; column++, at += groupWords) {
    columnScales[column] = halves[words[at]! & 0xffff]!
    columnLeasts[column] = halves[words[at]! >>> 16]!
  }
  for (let row = 0, first = wordAt; row < q4Group.values; row += 8, first++) {
    for (let column = 0, at = first, to = targetAt + row * width; column < count; column++, at += groupWords, to++) {
      const word = words[at]!
      const scale = columnScales[column]!
      const least = columnLeasts[column]!
      target[to] = least + ((word >> 4) & 15) * scale
      target[to + width] = least + (word & 15) * scale
      target[to + 2 * width] = least + ((word >> 12) & 15) * scale
      target[to + 3 * width] = least + ((word >> 8) & 15) * scale
      target[to + 4 * width] = least + ((word >> 20) & 15) * scale
      target[to + 5 * width] = least + ((word >> 16) & 15) * scale
      target[to + 6 * width] = least + (word >>> 28) * scale
      target[to + 7 * width] = least + ((word >> 24) & 15) * scale
    }
  }
}
