/**
 * The numbers below `count` in an order of which every beginning is spread evenly (van der Corput, base 2): so that what
 * is pinned first takes as much from the front of a sweep as from its end.
 */
export function spreadOrder(count: number): number[] {
  const keyOf = (value: number): number => {
    let key = 0
    for (let rest = value, weight = 0.5; rest > 0; rest = Math.floor(rest / 2), weight /= 2) key += (rest % 2) * weight
    return key
  }
  const ranks = Array.from({ length: count }, (_, i) => i).toSorted((a, b) => keyOf(a) - keyOf(b))
  const order: number[] = Array.from({ length: count })
  ranks.forEach((value, rank) => (order[value] = rank))
  return order
}
