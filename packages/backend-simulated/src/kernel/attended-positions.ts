import type { Span } from '@flexgen/spec'
import { memoryOf } from '../memory/simulated-memory.ts'
import type { AttendedPositions } from './graph-work.ts'

/**
 * Positions that rows attend to, from the `lengths` that are bound; what is not known (nobody wrote it) counts as full
 * rows. Only the host's bytes exist, so a copy in device memory is read where it came from.
 */
export function attendedPositions(lengths: Span | undefined, rows: number, maxPositions: number): AttendedPositions {
  const values = lengths === undefined ? undefined : intsOf(lengths, rows)
  let [sum, squares, most] = [0, 0, 0]
  for (let row = 0; row < rows; row++) {
    const positions = values?.[row] ?? maxPositions
    sum += positions
    squares += positions * positions
    if (positions > most) most = positions
  }
  return { sum, squares, most }
}

function intsOf({ buffer, byteOffset }: Span, count: number): Int32Array | undefined {
  const memory = memoryOf(buffer)
  if (memory === undefined) return undefined
  const made = memory.made ?? memory.source?.made
  if (made === undefined || byteOffset + 4 * count > made.byteLength) return undefined
  return new Int32Array(made.buffer, byteOffset, count)
}
