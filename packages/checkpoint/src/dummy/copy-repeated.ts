/** Fills `target` with what comes from byte `at` on, where `tile` is repeated without end. */
export function copyRepeated(tile: Uint8Array, at: number, target: Uint8Array): void {
  let from = at % tile.byteLength
  for (let filled = 0; filled < target.byteLength;) {
    const piece = tile.subarray(from, from + target.byteLength - filled)
    target.set(piece, filled)
    filled += piece.byteLength
    from = 0
  }
}
