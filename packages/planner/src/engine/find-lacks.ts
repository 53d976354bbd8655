import type { Lack } from '../cost-model.ts'
import { type TierAmounts, tierNames, type TierName } from '../problem/tier-amounts.ts'

/** A capacity that no machine has: what does not fit then never does. */
const tooMuchBytes = 2 ** 50

/** What is missing of the capacities. */
export interface Lacks {
  readonly lacks: readonly Lack[]
  readonly eitherOf: readonly Lack[]
}

/**
 * How far capacities would have to grow until a condition holds that more of any never breaks: each alone, where that is
 * enough, and together. Together the largest are trimmed one after the other, so that none grows for nothing.
 */
export function findLacks(capacity: TierAmounts, isEnough: (capacity: TierAmounts) => boolean): Lacks {
  const alone = tierNames.flatMap((tier) => {
    const bytes = leastGrowth(capacity, tier, isEnough)
    return bytes === undefined ? [] : [{ tier, bytes }]
  })
  const relative = ({ tier, bytes }: Lack): number => bytes / Math.max(1, capacity[tier])
  const nearest = alone.toSorted((a, b) => relative(a) - relative(b))
  if (nearest.length > 0) return { lacks: nearest.slice(0, 1), eitherOf: nearest }
  return { lacks: together(capacity, isEnough), eitherOf: [] }
}

function together(capacity: TierAmounts, isEnough: (capacity: TierAmounts) => boolean): Lack[] {
  let grown: TierAmounts = { device: tooMuchBytes, ram: tooMuchBytes, disk: tooMuchBytes }
  if (!isEnough(grown)) return []
  // The cheapest tier keeps what it must, the dear ones are trimmed first.
  const lacks: Lack[] = []
  for (const tier of tierNames) {
    const least = leastGrowth({ ...grown, [tier]: capacity[tier] }, tier, isEnough) ?? 0
    grown = { ...grown, [tier]: capacity[tier] + least }
    if (least > 0) lacks.push({ tier, bytes: least })
  }
  return lacks
}

/** The least bytes, to a hundredth, by which one capacity must grow; undefined where none would do. */
function leastGrowth(
  capacity: TierAmounts,
  tier: TierName,
  isEnough: (capacity: TierAmounts) => boolean,
): number | undefined {
  const grownBy = (bytes: number): TierAmounts => ({ ...capacity, [tier]: capacity[tier] + bytes })
  if (isEnough(capacity)) return 0
  if (!isEnough(grownBy(tooMuchBytes))) return undefined
  let [short, enough] = [0, tooMuchBytes]
  while (enough - short > Math.max(1, enough / 100)) {
    const middle = short === 0 && enough > 2 ** 20 ? Math.ceil(enough / 16) : Math.ceil((short + enough) / 2)
    if (isEnough(grownBy(middle))) enough = middle
    else short = middle
  }
  return enough
}
