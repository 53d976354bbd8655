/** A measured cost at a size. */
export interface CostPoint {
  readonly size: number
  readonly cost: number
}

/**
 * The cost at a size between measured ones: straight between neighbours, never falling with size. Below the smallest it
 * is that of the smallest (what is read once is read for one row as for several), beyond the largest it grows in
 * proportion.
 */
export function interpolateCost(points: readonly CostPoint[], size: number): number {
  const sorted = risingCosts(points)
  const first = sorted[0]!
  const last = sorted.at(-1)!
  if (size <= first.size) return first.cost
  if (size >= last.size) return (last.cost * size) / last.size
  const above = sorted.findIndex((point) => point.size >= size)
  const [a, b] = [sorted[above - 1]!, sorted[above]!]
  return a.cost + ((b.cost - a.cost) * (size - a.size)) / (b.size - a.size)
}

function risingCosts(points: readonly CostPoint[]): CostPoint[] {
  let most = 0
  return points
    .toSorted((a, b) => a.size - b.size)
    .map(({ size, cost }) => {
      most = Math.max(most, cost)
      return { size, cost: most }
    })
}
