import { largestLogits } from './largest-logits.ts'

/** Ids by how far their logit lies below the largest: so many groups, each of logits that are less than those of the one before. */
const groups = 1024

/** In temperatures: with float64 what lies lower adds nothing to a sum that begins with the largest. */
const mostBelow = 37

const sums = new Float64Array(groups)

/**
 * `sampleRow` without top-k. What the order of all ids decides, the sums of groups decide as well, but for the group in which the choice falls:
 * only that one is sorted.
 */
export function sampleAll(logits: Float32Array, temperature: number, topP: number, uniform: number): number {
  const { length } = logits
  let highest = logits[0]!
  // Counting loops: iterators of typed arrays take two to seven times as long.
  for (let id = 1; id < length; id++) if (logits[id]! > highest) highest = logits[id]!
  sums.fill(0)
  for (let id = 0; id < length; id++) {
    const below = (highest - logits[id]!) / temperature
    if (below < mostBelow) sums[groupOf(below)]! += Math.exp(-below)
  }
  const total = sums.reduce((sum, weight) => sum + weight, 0)
  // Of a row whose largest is no finite number nothing can be weighed.
  if (total === 0) return largestLogits(logits, 1)[0]!
  const sorted = (group: number): Candidates => sortGroup(logits, highest, temperature, group)
  const whole = { group: groups - 1, count: Number.POSITIVE_INFINITY, weight: total }
  const kept = topP < 1 ? cutAt(topP * total, sorted) : whole
  const wanted = uniform * kept.weight
  const { group, before } = walkTo((sum) => sum > wanted, kept.group)
  const { ids, weights } = sorted(group)
  const count = group === kept.group ? Math.min(kept.count, ids.length) : ids.length
  let cumulative = before
  for (let i = 0; i < count; i++) {
    cumulative += weights[i]!
    if (cumulative > wanted) return ids[i]!
  }
  return ids[count - 1]!
}

interface Candidates {
  /** By logit, descending, equals by id. */
  readonly ids: readonly number[]
  readonly weights: readonly number[]
}

function groupOf(below: number): number {
  return Math.floor(below * (groups / mostBelow))
}

/** The first group whose sum with all before is enough, else the last up to `end` that has any ids; and the sum of those before. */
function walkTo(isEnough: (sum: number) => boolean, end: number): { readonly group: number; readonly before: number } {
  let sum = 0
  let found = { group: 0, before: 0 }
  for (let group = 0; group <= end; group++) {
    if (sums[group] === 0) continue
    found = { group, before: sum }
    sum += sums[group]!
    if (isEnough(sum)) break
  }
  return found
}

function sortGroup(logits: Float32Array, highest: number, temperature: number, group: number): Candidates {
  const members: number[] = []
  for (let id = 0; id < logits.length; id++) {
    const below = (highest - logits[id]!) / temperature
    if (below < mostBelow && groupOf(below) === group) members.push(id)
  }
  const own = Float32Array.from(members, (id) => logits[id]!)
  const ids = largestLogits(own, own.length).map((at) => members[at]!)
  return { ids, weights: ids.map((id) => Math.exp(-(highest - logits[id]!) / temperature)) }
}

/** The smallest set of candidates, from the largest on, that reaches a weight: its last group, how many of it, and its weight. */
function cutAt(
  least: number,
  sorted: (group: number) => Candidates,
): { readonly group: number; readonly count: number; readonly weight: number } {
  const { group, before } = walkTo((sum) => sum >= least, groups - 1)
  const { weights } = sorted(group)
  let weight = before
  let count = 0
  while (count < weights.length && (count === 0 || weight < least)) weight += weights[count++]!
  return { group, count, weight }
}
