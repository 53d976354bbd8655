import { q4Group } from '@flexgen/spec'
import { dequantizeFloat16Groups } from './group/dequantize-float16-groups.ts'
import { dequantizeFloat32Groups } from './group/dequantize-float32-groups.ts'
import { batchGroups, groupWords } from './group/group-batch.ts'
import { stageWords, viewWords } from './group/view-words.ts'
import { checkRoom, countRows, groupCount, quantizedRowsBytes } from './quantized-bytes.ts'

/**
 * Widens q4g64 bytes `[rows, ceil(width / 64)]` of 36 bytes each, as `quantizeRows` writes them, to `[rows, width]`:
 * minimum + nibble * scale, rounded to float32, and then to float16 where the target holds its bit patterns. Nothing
 * is allocated but one view in calls with 32 groups or more.
 * @throws {UsageError} where sizes do not fit
 */
export function dequantizeRows(source: Uint8Array, width: number, target: Float32Array | Uint16Array): void {
  const rows = countRows(target.length, width)
  checkRoom('the source of dequantizeRows', source.length, quantizedRowsBytes(rows, width))
  const groups = rows * groupCount(width)
  const view = viewWords(source, groups)
  for (let first = 0; first < groups; first += batchGroups) {
    const count = Math.min(batchGroups, groups - first)
    const words = view ?? stageWords(source, first * q4Group.bytes, count)
    const wordAt = view === undefined ? 0 : first * groupWords
    if (target instanceof Float32Array)
      storeValues(dequantizeFloat32Groups(words, wordAt, count), target, width, first, count)
    else storeValues(dequantizeFloat16Groups(words, wordAt, count), target, width, first, count)
  }
}

/** Copies the values of groups to their rows, without the padding; `first` is the number of the first group. */
function storeValues<T extends Float32Array | Uint16Array>(
  values: T,
  target: T,
  width: number,
  first: number,
  count: number,
): void {
  if (width % q4Group.values === 0 && count === batchGroups) {
    target.set(values, first * q4Group.values)
    return
  }
  const rowGroups = groupCount(width)
  for (let group = 0; group < count; group++) {
    const row = Math.floor((first + group) / rowGroups)
    const column = (first + group - row * rowGroups) * q4Group.values
    const to = row * width + column
    const from = group * q4Group.values
    const end = Math.min(q4Group.values, width - column)
    for (let i = 0; i < end; i++) target[to + i] = values[from + i]!
  }
}
