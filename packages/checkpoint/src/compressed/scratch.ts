/** Memory that is used for a while and then again: what is allocated anew for every step waits long for the collector. */
export interface Scratch {
  /** Bytes at the start of a buffer of their own; what they hold is left over. */
  take(byteLength: number): Uint8Array
  give(bytes: Uint8Array): void
}

/** Buffers that are kept; a reader needs two. */
const maxKept = 8

/** An empty scratch; it grows to what is in use at once. */
export function createScratch(): Scratch {
  const kept: ArrayBufferLike[] = []
  return {
    take: (byteLength) => {
      const index = kept.findIndex((buffer) => buffer.byteLength >= byteLength)
      const [buffer = new ArrayBuffer(byteLength)] = index < 0 ? [] : kept.splice(index, 1)
      return new Uint8Array(buffer, 0, byteLength)
    },
    give: ({ buffer }) => {
      kept.push(buffer)
      // Small buffers must not keep large ones out.
      kept.sort((a, b) => a.byteLength - b.byteLength)
      if (kept.length > maxKept) kept.shift()
    },
  }
}
