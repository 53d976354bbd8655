/** Shares that the weights of a layer come in. */
export interface Shares {
  readonly shares: number
  /** How many of them may come by now. */
  readonly sharesAllowed: number
}

/**
 * How many units, from the first on, have at least half of themselves in the shares that may come; all with the last share.
 * @param copiedBytes bytes of each unit that are to be copied: 0 for what is there
 */
export function unitsAllowed(copiedBytes: readonly number[], { shares, sharesAllowed }: Shares): number {
  if (sharesAllowed >= shares) return copiedBytes.length
  const allowedBytes = (copiedBytes.reduce((sum, sizeBytes) => sum + sizeBytes, 0) * sharesAllowed) / shares
  let [count, bytes] = [0, 0]
  for (const sizeBytes of copiedBytes) {
    if (bytes + sizeBytes / 2 > allowedBytes) break
    bytes += sizeBytes
    count++
  }
  return count
}
