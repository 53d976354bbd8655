import { q4Group, UsageError } from '@flexgen/spec'

/** Groups that hold `values` in a line, the last one padded. */
export function groupCount(values: number): number {
  return Math.ceil(values / q4Group.values)
}

/** Bytes of one row of `width` values with groups along the row. */
export function quantizedRowBytes(width: number): number {
  return groupCount(width) * q4Group.bytes
}

/** Bytes of `[rows, width]` with groups along the rows. */
export function quantizedRowsBytes(rows: number, width: number): number {
  return rows * quantizedRowBytes(width)
}

/** Bytes of `[rows, width]` with groups down the columns. */
export function quantizedColumnsBytes(rows: number, width: number): number {
  return groupCount(rows) * width * q4Group.bytes
}

/**
 * Number of rows in `length` values.
 * @throws {UsageError} where they are no whole rows, or a buffer is shorter than what it must hold
 */
export function countRows(length: number, width: number): number {
  const rows = length / width
  if (!Number.isSafeInteger(width) || width < 1 || !Number.isInteger(rows))
    throw new UsageError(`${length} values are no rows of ${width}`)
  return rows
}

/** @throws {UsageError} where a buffer is shorter than what it must hold */
export function checkRoom(what: string, length: number, needed: number): void {
  if (length < needed) throw new UsageError(`${what} needs ${needed} elements, but has ${length}`)
}
