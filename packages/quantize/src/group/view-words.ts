import { q4Group } from '@flexgen/spec'
import { batchGroups, groupBatch } from './group-batch.ts'

/**
 * The bytes of an array as 32-bit words, without a copy; undefined where they do not start at a multiple of four, or
 * are so few that the view costs more than copying a batch does.
 */
export function viewWords(array: Uint8Array | Uint16Array, groups: number): Int32Array | undefined {
  if (groups < batchGroups || array.byteOffset % 4 !== 0) return undefined
  return new Int32Array(array.buffer, array.byteOffset, Math.floor(array.byteLength / 4))
}

/** Copies `count` quantised groups from byte `from` on to the staging, and gives them as words. */
export function stageWords(source: Uint8Array, from: number, count: number): Int32Array {
  const { bytes, words } = groupBatch()
  const end = count * q4Group.bytes
  for (let i = 0; i < end; i++) bytes[i] = source[from + i]!
  return words
}
