import { setImmediate } from 'node:timers/promises'
import { AbortedError, pieceRows, q4Group } from '@flexgen/spec'
import type { DummySource } from '../dummy/create-dummy-source.ts'
import type { CompressedTensor } from './compressed-tensor.ts'
import { createGroupTile, type GroupTile } from './group-tile.ts'
import type { Scratch } from './scratch.ts'

/** Bytes of groups that are copied before other work gets a turn. */
const copiedBytes = 16 * 2 ** 20

/**
 * Fills the start of `target`, as far as the matrix has lines of whole groups only.
 * @returns how many bytes those are
 */
export type RepeatedReader = (
  tensor: CompressedTensor,
  byteOffset: number,
  target: Uint8Array,
  signal: AbortSignal | undefined,
) => Promise<number>

/** How matrices of generated values, which repeat, are read: every group that occurs in them is quantised once. */
export function createRepeatedReader(source: DummySource, scratch: Scratch): RepeatedReader {
  const tiles = new Map<string, GroupTile>()

  return async ({ info, form, original }, byteOffset, target, signal) => {
    const [rows, width] = original.shape as readonly [number, number]
    const lineRows = pieceRows(form)
    if (form === 'q4g64' && width % q4Group.values !== 0) return 0
    const { tile: values, start } = source.repeated(info.name)
    const key = form === 'q4g64' ? form : `${form} ${width}`
    const tile = tiles.get(key) ?? createGroupTile(form, original.dtype, values, width, scratch)
    tiles.set(key, tile)
    const lineBytes = info.byteLength / Math.ceil(rows / lineRows)
    const end = Math.min(byteOffset + target.byteLength, Math.floor(rows / lineRows) * lineBytes)
    let copied = 0
    for (let at = byteOffset; at < end;) {
      if (signal?.aborted) throw new AbortedError('reading was stopped', { cause: signal.reason })
      const line = Math.floor(at / lineBytes)
      const lineEnd = Math.min(end, (line + 1) * lineBytes)
      const group = tile.groupAt(start + line * lineRows * width)
      tile.copy(group * q4Group.bytes + at - line * lineBytes, target.subarray(at - byteOffset, lineEnd - byteOffset))
      copied += lineEnd - at
      at = lineEnd
      if (copied >= copiedBytes) {
        await setImmediate()
        copied = 0
      }
    }
    return Math.max(0, end - byteOffset)
  }
}
