import { setImmediate } from 'node:timers/promises'

/** A copy keeps the event loop for about a millisecond at most. */
const chunkBytes = 4 * 2 ** 20

/** Copies bytes; large copies let the event loop turn between their chunks. */
export function copyBytes(target: Uint8Array, source: Uint8Array): void | Promise<void> {
  if (source.byteLength > chunkBytes) return copyChunks(target, source)
  target.set(source)
}

async function copyChunks(target: Uint8Array, source: Uint8Array): Promise<void> {
  for (let from = 0; from < source.byteLength; from += chunkBytes) {
    if (from > 0) await setImmediate()
    target.set(source.subarray(from, from + chunkBytes), from)
  }
}
