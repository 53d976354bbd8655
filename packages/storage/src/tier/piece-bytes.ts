/** Alignment of regions in the offload file and of direct reads; a multiple of every common block size. */
export const blockBytes = 4096

/**
 * Length of the next piece of a transfer that has come to `position`: at most `chunkBytes`, and cut at a block
 * boundary of the file, so that no block is read twice by direct reads.
 */
export function pieceBytes(position: number, remainingBytes: number, chunkBytes: number): number {
  const end = Math.floor((position + chunkBytes) / blockBytes) * blockBytes
  return Math.min(remainingBytes, end - position)
}

/** Start of the block that a position lies in. */
export function blockStart(position: number): number {
  return Math.floor(position / blockBytes) * blockBytes
}

/** The first start of a block that is not before a position. */
export function blockEnd(position: number): number {
  return Math.ceil(position / blockBytes) * blockBytes
}
