import type { EngineArena } from '@flexgen/backend-kit'

const mebibyte = 2 ** 20

/** Memory of a fresh module, of which only what is used is resident: it is not counted. */
const initialBytes = 16 * mebibyte

/** What its data and its stack take of that. */
const staticBytes = 6 * mebibyte

/** Where the memory grows, it grows by a fifth, but by no more than so much beyond what is needed. */
const mostSurplusBytes = 96 * mebibyte

const mostBytes = 4 * 1024 * mebibyte

/** The memory of a WebAssembly module: it grows in steps, up to 4 GiB, and never shrinks. */
export function wasmArena(heapBytes: () => number): EngineArena {
  return {
    heldBytes: () => heapBytes() - initialBytes,
    heldBytesWith: (usedBytes) => {
      const neededBytes = staticBytes + usedBytes
      const grownBytes = Math.min(1.2 * heapBytes(), neededBytes + mostSurplusBytes, mostBytes)
      return (neededBytes <= heapBytes() ? heapBytes() : Math.max(neededBytes, grownBytes)) - initialBytes
    },
    plannedBytes: (usedBytes) => usedBytes + Math.ceil(Math.min(usedBytes / 5, mostSurplusBytes)),
    mostBytes,
  }
}
