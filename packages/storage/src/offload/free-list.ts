import { blockBytes } from '../tier/piece-bytes.ts'

interface FreeRange {
  byteOffset: number
  byteLength: number
}

/** Which parts of the offload file are free. */
export interface FreeList {
  /** Takes the first free range that is large enough, or grows the end; gives its aligned offset. */
  take(byteLength: number): number
  /** Gives back what `take` gave for this length. */
  give(byteOffset: number, byteLength: number): void
  /** Bytes that a file needs to hold everything that was ever taken. */
  readonly endBytes: number
}

/** Bytes of a file that a region of `byteLength` takes up: whole blocks, at least one. */
export function roundToBlocks(byteLength: number): number {
  return Math.max(1, Math.ceil(byteLength / blockBytes)) * blockBytes
}

/** Makes a first-fit free list; neighbouring free ranges are joined. */
export function createFreeList(): FreeList {
  /** By offset; no two touch. */
  const free: FreeRange[] = []
  let endBytes = 0
  return {
    get endBytes() {
      return endBytes
    },
    take(byteLength) {
      const needed = roundToBlocks(byteLength)
      const index = free.findIndex((range) => range.byteLength >= needed)
      const found = free[index]
      if (found !== undefined) {
        const { byteOffset } = found
        found.byteOffset += needed
        found.byteLength -= needed
        if (found.byteLength === 0) free.splice(index, 1)
        return byteOffset
      }
      // A free range at the end is too short, but a good start.
      const last = free.at(-1)
      const atEnd = last !== undefined && last.byteOffset + last.byteLength === endBytes
      const byteOffset = atEnd ? last.byteOffset : endBytes
      if (atEnd) free.pop()
      endBytes = byteOffset + needed
      return byteOffset
    },
    give(byteOffset, byteLength) {
      const range = { byteOffset, byteLength: roundToBlocks(byteLength) }
      const next = free.findIndex((other) => other.byteOffset > byteOffset)
      const index = next === -1 ? free.length : next
      const after = free[index]
      const joinsAfter = after?.byteOffset === byteOffset + range.byteLength
      if (joinsAfter) range.byteLength += after.byteLength
      const before = free[index - 1]
      if (before !== undefined && before.byteOffset + before.byteLength === byteOffset) {
        before.byteLength += range.byteLength
        if (joinsAfter) free.splice(index, 1)
      } else free.splice(index, joinsAfter ? 1 : 0, range)
    },
  }
}
