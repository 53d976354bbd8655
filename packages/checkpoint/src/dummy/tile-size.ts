const smallestElements = 4096
const smallPrimes = [2, 3, 5, 7, 11, 13]

/**
 * Elements of a tile for tensors of up to `largestElements`, at least 4096 and not much above `maxElements`.
 *
 * The length has no small prime factor. Otherwise the rows of a table that is larger than the tile would repeat
 * (a power of two is a multiple of most row sizes), and tokens with equal rows would have equal logits.
 */
export function tileElements(largestElements: number, maxElements: number): number {
  let count = Math.max(smallestElements, Math.min(largestElements, maxElements))
  while (smallPrimes.some((prime) => count % prime === 0)) count++
  return count
}
