import { dtypeBytes, type GroupDType, q4Group } from '@flexgen/spec'
import { copyRepeated } from '../dummy/copy-repeated.ts'
import { type OriginalDType, quantizeValues } from './quantize-values.ts'
import type { Scratch } from './scratch.ts'

/** Groups that are quantised together, when the first of them is read. */
const blockGroups = 4096

/** The groups of matrices that repeat a tile of values, each quantised once. */
export interface GroupTile {
  /** Fills `target` with the bytes of groups from byte `at` on, where the tile is repeated without end. */
  copy(at: number, target: Uint8Array): void
  /**
   * The tile's group with which a line (a row, or 64 rows of groups down the columns) starts.
   * @param start element of the tile of values that the line starts with
   */
  groupAt(start: number): number
}

/**
 * Makes the groups of all matrices of a width whose values are a repeated tile of an odd number `count` of values. There
 * are `count` groups, since a group may start at every value. Those down the columns lie in the order of their first
 * values; those along rows lie as they follow each other in a row, which `count` odd makes a cycle through all.
 * @param values the tile, at the start of its buffer
 */
export function createGroupTile(
  form: GroupDType,
  dtype: OriginalDType,
  values: Uint8Array,
  width: number,
  scratch: Scratch,
): GroupTile {
  const itemBytes = dtypeBytes(dtype, 1)
  const count = values.byteLength / itemBytes
  const bytes = new Uint8Array(count * q4Group.bytes)
  const isMade = new Uint8Array(Math.ceil(count / blockGroups))

  function make(block: number): void {
    const first = block * blockGroups
    const groups = Math.min(blockGroups, count - first)
    const target = bytes.subarray(first * q4Group.bytes, (first + groups) * q4Group.bytes)
    const raw = scratch.take(groups * q4Group.values * itemBytes)
    if (form === 'q4g64') {
      copyRepeated(values, first * q4Group.values * itemBytes, raw)
      quantizeValues(form, dtype, raw, groups * q4Group.values, target)
    } else {
      const rowBytes = groups * itemBytes
      for (let row = 0; row < q4Group.values; row++)
        copyRepeated(values, (first + row * width) * itemBytes, raw.subarray(row * rowBytes, (row + 1) * rowBytes))
      quantizeValues(form, dtype, raw, groups, target)
    }
    scratch.give(raw)
    isMade[block] = 1
  }

  return {
    copy(at, target) {
      for (let done = 0; done < target.byteLength;) {
        const from = (at + done) % bytes.byteLength
        const block = Math.floor(from / (blockGroups * q4Group.bytes))
        if (isMade[block] === 0) make(block)
        const end = Math.min((block + 1) * blockGroups * q4Group.bytes, from + target.byteLength - done)
        const piece = bytes.subarray(from, end)
        target.set(piece, done)
        done += piece.byteLength
      }
    },
    groupAt(start) {
      let group = start % count
      if (form === 'q4g64') {
        // Group k starts with value 64k modulo the count: 64 is taken out factor by factor.
        for (let factor = 1; factor < q4Group.values; factor *= 2)
          group = group % 2 === 0 ? group / 2 : (group + count) / 2
      }
      return group
    },
  }
}
