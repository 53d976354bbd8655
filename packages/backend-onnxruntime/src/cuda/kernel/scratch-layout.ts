/** Bytes that a run needs from one of its steps to another, both included. */
export interface ScratchPiece {
  readonly name: string
  readonly byteLength: number
  readonly firstStep: number
  readonly lastStep: number
}

/** Where pieces lie in the scratch of a run. */
export interface ScratchLayout {
  readonly offsets: ReadonlyMap<string, number>
  readonly byteLength: number
}

const alignment = 256

/** Kernels read vectors of values: what does not lie at a multiple of these bytes is copied for a run. */
export const runAlignment = 16

/** Bytes that a piece takes. */
export function alignScratch(byteLength: number): number {
  return Math.ceil(byteLength / alignment) * alignment
}

/** Lays pieces out, the largest first, each as low as those of the same steps let it. */
export function layOutScratch(pieces: readonly ScratchPiece[]): ScratchLayout {
  const placed: { readonly piece: ScratchPiece; readonly start: number; readonly end: number }[] = []
  for (const piece of pieces.toSorted((a, b) => b.byteLength - a.byteLength)) {
    const others = placed
      .filter((other) => other.piece.firstStep <= piece.lastStep && piece.firstStep <= other.piece.lastStep)
      .toSorted((a, b) => a.start - b.start)
    const sizeBytes = alignScratch(piece.byteLength)
    let start = 0
    for (const other of others) {
      if (start + sizeBytes <= other.start) break
      start = Math.max(start, other.end)
    }
    placed.push({ piece, start, end: start + sizeBytes })
  }
  return {
    offsets: new Map(placed.map(({ piece, start }) => [piece.name, start])),
    byteLength: placed.reduce((most, { end }) => Math.max(most, end), 0),
  }
}
