import { q4Group } from '@flexgen/spec'

/**
 * Groups that go through the passes of the codec together. Ranges, then scales, then nibbles: so the divisions of the
 * groups overlap, and the 4 KB of values are still in the L1 cache when they are read again.
 */
export const batchGroups = 32

/** 32-bit words of a group: eight of nibbles, one of scale and minimum. */
export const groupWords: number = q4Group.bytes / 4

/** What the passes hand on, and where groups that do not lie as a pass needs them are put together. */
export interface GroupBatch {
  /** Least value of each group. */
  readonly minimum: Float64Array
  /** Largest value less the least, rounded to float32; NaN or infinite where a value is. */
  readonly range: Float64Array
  /** What a distance from the minimum is multiplied with to give 0 to 15; 0 for a constant group. */
  readonly multiplier: Float64Array
  readonly floats: Float32Array
  /** The same bytes as `floats`, as bit patterns. */
  readonly floatBits: Int32Array
  readonly halves: Uint16Array
  /** The same bytes as `halves`, two patterns each. */
  readonly halfPairs: Int32Array
  /** Quantised groups. */
  readonly bytes: Uint8Array
  /** The same bytes as `bytes`. */
  readonly words: Int32Array
}

let made: GroupBatch | undefined

/** Room for one batch, made when first asked for; every call of the codec uses it and is done with it in the end. */
export function groupBatch(): GroupBatch {
  made ??= createGroupBatch()
  return made
}

function createGroupBatch(): GroupBatch {
  const floats = new Float32Array(batchGroups * q4Group.values)
  const halves = new Uint16Array(batchGroups * q4Group.values)
  const bytes = new Uint8Array(batchGroups * q4Group.bytes)
  return {
    minimum: new Float64Array(batchGroups),
    range: new Float64Array(batchGroups),
    multiplier: new Float64Array(batchGroups),
    floats,
    floatBits: new Int32Array(floats.buffer),
    halves,
    halfPairs: new Int32Array(halves.buffer),
    bytes,
    words: new Int32Array(bytes.buffer),
  }
}

/** Copies the first `count` quantised groups of the batch to their place. */
export function storeGroups(count: number, target: Uint8Array, targetAt: number): void {
  const { bytes } = groupBatch()
  if (count === batchGroups) target.set(bytes, targetAt)
  else for (let i = 0; i < count * q4Group.bytes; i++) target[targetAt + i] = bytes[i]!
}
