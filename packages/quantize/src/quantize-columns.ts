import { q4Group } from '@flexgen/spec'
import type { FloatArrays, FloatDType } from './float-arrays.ts'
import { batchGroups } from './group/group-batch.ts'
import { quantizeFloat16ColumnPairs } from './group/quantize-float16-columns.ts'
import { clearStaging, quantizeStaging, stageValues } from './group/stage-values.ts'
import { viewWords } from './group/view-words.ts'
import { checkRoom, countRows, groupCount, quantizedColumnsBytes } from './quantized-bytes.ts'

/**
 * Quantises `[rows, width]` with groups down the columns (FlexGen's dimension 0: the output channels of a weight
 * `[out, in]`) into q4g64 bytes `[ceil(rows / 64), width]` of 36 bytes each: group `[b, c]` holds rows 64b to 64b + 63
 * of column c, so that 64 rows lie in one piece. The last groups are padded with zeros, which count for their range.
 *
 * @param source values, or bit patterns of half formats, row behind row
 * @returns how many groups are NaN, because float16 cannot bound their values
 * @throws {UsageError} where sizes do not fit
 */
export function quantizeColumns<D extends FloatDType>(
  dtype: D,
  source: FloatArrays[D],
  width: number,
  target: Uint8Array,
): number {
  const rows = countRows(source.length, width)
  checkRoom('the target of quantizeColumns', target.length, quantizedColumnsBytes(rows, width))
  const pairs =
    dtype === 'float16' && width % 2 === 0 ? viewWords(source as Uint16Array, groupCount(rows) * width) : undefined
  let notFinite = 0
  for (let block = 0; block < groupCount(rows); block++) {
    const firstRow = block * q4Group.values
    const blockRows = Math.min(q4Group.values, rows - firstRow)
    const isWhole = blockRows === q4Group.values
    if (!isWhole) clearStaging(dtype)
    for (let column = 0; column < width; column += batchGroups) {
      const count = Math.min(batchGroups, width - column)
      const from = firstRow * width + column
      const to = (block * width + column) * q4Group.bytes
      if (pairs !== undefined && isWhole) {
        notFinite += quantizeFloat16ColumnPairs(pairs, from / 2, width / 2, count, target, to)
        continue
      }
      for (let row = 0; row < blockRows; row++)
        stageValues(dtype, source, from + row * width, row, q4Group.values, count)
      notFinite += quantizeStaging(dtype, count, target, to)
    }
  }
  return notFinite
}
