import { q4Group } from '@flexgen/spec'
import { dequantizeFloat16ColumnPairs, dequantizeFloat16Groups } from './group/dequantize-float16-groups.ts'
import { dequantizeFloat32Columns, dequantizeFloat32Groups } from './group/dequantize-float32-groups.ts'
import { batchGroups, groupWords } from './group/group-batch.ts'
import { stageWords, viewWords } from './group/view-words.ts'
import { checkRoom, countRows, groupCount, quantizedColumnsBytes } from './quantized-bytes.ts'

/**
 * Widens q4g64 bytes `[ceil(rows / 64), width]` of 36 bytes each, as `quantizeColumns` writes them, to `[rows, width]`:
 * minimum + nibble * scale, rounded to float32, and then to float16 where the target holds its bit patterns. Nothing
 * is allocated but views in calls with 32 groups or more.
 * @throws {UsageError} where sizes do not fit
 */
export function dequantizeColumns(source: Uint8Array, width: number, target: Float32Array | Uint16Array): void {
  const rows = countRows(target.length, width)
  checkRoom('the source of dequantizeColumns', source.length, quantizedColumnsBytes(rows, width))
  const groups = groupCount(rows) * width
  const view = viewWords(source, groups)
  const pairs = width % 2 === 0 && target instanceof Uint16Array ? viewWords(target, groups) : undefined
  for (let firstRow = 0; firstRow < rows; firstRow += q4Group.values) {
    const blockRows = Math.min(q4Group.values, rows - firstRow)
    const isWhole = blockRows === q4Group.values
    for (let column = 0; column < width; column += batchGroups) {
      const count = Math.min(batchGroups, width - column)
      const first = groupCount(firstRow) * width + column
      const words = view ?? stageWords(source, first * q4Group.bytes, count)
      const wordAt = view === undefined ? 0 : first * groupWords
      const to = firstRow * width + column
      if (target instanceof Float32Array) {
        if (isWhole) dequantizeFloat32Columns(words, wordAt, count, target, to, width)
        else transpose(dequantizeFloat32Groups(words, wordAt, count), count, blockRows, target, to, width)
      } else if (isWhole && pairs !== undefined)
        dequantizeFloat16ColumnPairs(words, wordAt, count, pairs, to / 2, width / 2)
      else transpose(dequantizeFloat16Groups(words, wordAt, count), count, blockRows, target, to, width)
    }
  }
}

/** Writes `count` groups, each the values of a column, as columns of `rows` rows. */
function transpose<T extends Float32Array | Uint16Array>(
  groups: T,
  count: number,
  rows: number,
  target: T,
  targetAt: number,
  width: number,
): void {
  for (let row = 0, to = targetAt; row < rows; row++, to += width)
    for (let group = 0, from = row; group < count; group++, from += q4Group.values) target[to + group] = groups[from]!
}
