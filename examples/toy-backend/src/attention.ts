import { type NodeOf, UsageError } from '@flexgen/spec'
import type { GraphRun } from './graph-run.ts'

/** Causal attention: keys and values of the new tokens go to the cache, then each token attends to all that is there. */
export function attention({ inputs, attributes }: NodeOf<'Attention'>, run: GraphRun): Float32Array[] {
  const { cache, heads, kvHeads, headDim, scale } = attributes
  const [q, k, v] = inputs.map((name) => run.floats(name)) as [Float32Array, Float32Array, Float32Array]
  const { rows, maxPositions } = run.cache(cache)
  const y = new Float32Array(q.length)
  const weights = new Float64Array(maxPositions)
  for (const { row, start, count } of run.rows()) {
    if (start + count > maxPositions) throw new UsageError(`Attention: row ${row} has no room for ${start + count}`)
    const kv = rows[row]!
    // Where the vector of a head of K (0) or V (1) at a position lies: [K or V, kv head, max positions, head dim].
    const at = (part: 0 | 1, head: number, position: number): number =>
      ((part * kvHeads + head) * maxPositions + position) * headDim

    for (let token = 0; token < count; token++) {
      for (let head = 0; head < kvHeads; head++) {
        const from = ((row * run.seq + token) * kvHeads + head) * headDim
        kv.set(k.subarray(from, from + headDim), at(0, head, start + token))
        kv.set(v.subarray(from, from + headDim), at(1, head, start + token))
      }
    }

    for (let token = 0; token < count; token++) {
      for (let head = 0; head < heads; head++) {
        const from = ((row * run.seq + token) * heads + head) * headDim
        const kvHead = Math.floor((head * kvHeads) / heads)
        const past = start + token + 1
        let largest = Number.NEGATIVE_INFINITY
        for (let position = 0; position < past; position++) {
          const key = at(0, kvHead, position)
          let dot = 0
          for (let i = 0; i < headDim; i++) dot += q[from + i]! * kv[key + i]!
          weights[position] = scale * dot
          largest = Math.max(largest, weights[position]!)
        }
        let sum = 0
        for (let position = 0; position < past; position++)
          sum += weights[position] = Math.exp(weights[position]! - largest)
        for (let i = 0; i < headDim; i++) {
          let value = 0
          for (let position = 0; position < past; position++)
            value += weights[position]! * kv[at(1, kvHead, position) + i]!
          y[from + i] = value / sum
        }
      }
    }
  }
  return [y]
}
