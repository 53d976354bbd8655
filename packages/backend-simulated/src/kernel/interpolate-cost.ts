/** A measured cost at a size. */
export interface CostPoint {
  readonly size: number
  readonly cost: number
}

/**
 * The cost as a function of size, the planner's rule: straight between neighbours, never falling. Below the smallest
 * size it is that of the smallest, beyond the largest it grows in proportion.
 */
export function costCurve(points: readonly CostPoint[]): (size: number) => number {
  let most = 0
  const sorted = points
    .toSorted((a, b) => a.size - b.size)
    .map(({ size, cost }) => ({ size, cost: (most = Math.max(most, cost)) }))
  const first = sorted[0]!
  const last = sorted.at(-1)!
  return (size) => {
    if (size <= first.size) return first.cost
    if (size >= last.size) return (last.cost * size) / last.size
    const above = sorted.findIndex((point) => point.size >= size)
    const [a, b] = [sorted[above - 1]!, sorted[above]!]
    return a.cost + ((b.cost - a.cost) * (size - a.size)) / (b.size - a.size)
  }
}
