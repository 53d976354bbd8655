import { InternalError, type NodeOf } from '@flexgen/spec'
import type { CacheValues } from './cache-values.ts'
import { keepLargest } from './keep-largest.ts'

/** What one run of attention reads and extends. */
export interface AttentionRun {
  /** `[batch, seq, heads * head dim]` */
  readonly q: Float32Array
  /** `[batch, seq, kv heads * head dim]` */
  readonly k: Float32Array
  readonly v: Float32Array
  /** `[batch, seq]` */
  readonly positions: Int32Array
  /** `[batch]` */
  readonly lengths: Int32Array
  /** A row of the cache for each row of the batch, with `2 * kvHeads` lanes. */
  readonly cacheRows: readonly CacheValues[]
  readonly maxPositions: number
  readonly attributes: NodeOf<'Attention'>['attributes']
}

/** Causal attention with a cache; outputs of padding are zeros. */
export function attention(run: AttentionRun): Float32Array {
  const { heads, headDim, sparsity } = run.attributes
  const batch = run.lengths.length
  const seq = run.positions.length / batch
  const y = new Float32Array(run.q.length)
  const weights = new Float64Array(run.maxPositions)
  const sums = new Float64Array(headDim)
  for (let row = 0; row < batch; row++) {
    const start = run.positions[row * seq]!
    const count = run.lengths[row]! - start
    if (start < 0 || count < 0 || count > seq || run.lengths[row]! > run.maxPositions)
      throw new InternalError(
        `Attention row ${row}: positions ${start} to ${run.lengths[row]} do not fit ${seq} tokens and ${run.maxPositions} cached positions`,
      )
    extendCache(run, row, seq, start, count)
    for (let token = 0; token < count; token++) {
      for (let head = 0; head < heads; head++) {
        const past = start + token
        attendScores(run, row, seq, token, head, past, weights)
        if (count === 1 && sparsity < 1) keepLargest(weights, past, Math.floor(sparsity * past))
        sumValues(run, row, head, past, weights, sums)
        y.set(sums, ((row * seq + token) * heads + head) * headDim)
      }
    }
  }
  return y
}

/** Writes k and v of the new tokens of a row at their positions. */
function extendCache(run: AttentionRun, row: number, seq: number, start: number, count: number): void {
  const { kvHeads, headDim } = run.attributes
  for (const [part, source] of [run.k, run.v].entries()) {
    for (let token = 0; token < count; token++) {
      for (let head = 0; head < kvHeads; head++) {
        const from = ((row * seq + token) * kvHeads + head) * headDim
        run.cacheRows[row]!.store(part * kvHeads + head, start + token, source.subarray(from, from + headDim))
      }
    }
  }
}

/** softmax(scale q.k) over positions 0 to `past`, into `weights`. */
function attendScores(
  run: AttentionRun,
  row: number,
  seq: number,
  token: number,
  head: number,
  past: number,
  weights: Float64Array,
): void {
  const { heads, kvHeads, headDim, scale } = run.attributes
  const cache = run.cacheRows[row]!
  const { values } = cache
  const qAt = ((row * seq + token) * heads + head) * headDim
  const lane = Math.floor((head * kvHeads) / heads)
  let largest = Number.NEGATIVE_INFINITY
  for (let position = 0; position <= past; position++) {
    let dot = 0
    const at = cache.locate(lane, position)
    for (let i = 0; i < headDim; i++) dot += run.q[qAt + i]! * values[at + i]!
    weights[position] = scale * dot
    largest = Math.max(largest, weights[position]!)
  }
  let sum = 0
  for (let position = 0; position <= past; position++) {
    weights[position] = Math.exp(weights[position]! - largest)
    sum += weights[position]!
  }
  for (let position = 0; position <= past; position++) weights[position] = weights[position]! / sum
}

/** The sum of cached values by weight, into `sums` `[head dim]`. */
function sumValues(
  run: AttentionRun,
  row: number,
  head: number,
  past: number,
  weights: Float64Array,
  sums: Float64Array,
): void {
  const { heads, kvHeads, headDim } = run.attributes
  const cache = run.cacheRows[row]!
  const { values } = cache
  const lane = kvHeads + Math.floor((head * kvHeads) / heads)
  sums.fill(0)
  for (let position = 0; position <= past; position++) {
    const weight = weights[position]!
    const at = cache.locate(lane, position)
    for (let i = 0; i < headDim; i++) sums[i] = sums[i]! + weight * values[at + i]!
  }
}
