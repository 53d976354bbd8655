import { randomFloats } from '@flexgen/conformance'
import { dequantizeRows, quantizedRowBytes, quantizeRows } from '@flexgen/quantize'
import { cachePageBytes, type CacheSpec } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { attention, type AttentionRun } from '../operators/attention.ts'
import { createCacheValues } from './create-cache-values.ts'

const heads = 4
const kvHeads = 2
const headDim = 64
const maxPositions = 12

const specOf = (dtype: CacheSpec['dtype']): CacheSpec => ({ kvHeads, headDim, maxPositions, dtype })

/** Values as they are after a pass through 4-bit groups of the head dim. */
function roundedToGroups(values: Float32Array): Float32Array {
  const bytes = new Uint8Array((values.length / headDim) * quantizedRowBytes(headDim))
  quantizeRows('float32', values, headDim, bytes)
  const rounded = new Float32Array(values.length)
  dequantizeRows(bytes, headDim, rounded)
  return rounded
}

/** Runs attention over steps of new tokens with a cache of a dtype; gives the outputs and the bytes of the row. */
function attend(
  dtype: CacheSpec['dtype'],
  steps: readonly number[],
  sparsity: number,
  store: (values: Float32Array) => Float32Array = (values) => values,
): { readonly outputs: Float32Array[]; readonly bytes: Uint8Array } {
  const bytes = new Uint8Array(cachePageBytes(specOf(dtype), maxPositions))
  const row = createCacheValues(bytes, specOf(dtype), new Float32Array(headDim))
  let position = 0
  const outputs = steps.map((count, step) => {
    const run: AttentionRun = {
      q: randomFloats(step * 3, count * heads * headDim),
      k: store(randomFloats(step * 3 + 1, count * kvHeads * headDim)),
      v: store(randomFloats(step * 3 + 2, count * kvHeads * headDim)),
      positions: Int32Array.from({ length: count }, (_, i) => position + i),
      lengths: Int32Array.of(position + count),
      cacheRows: [row],
      maxPositions,
      attributes: { cache: 'kv', heads, kvHeads, headDim, scale: headDim ** -0.5, sparsity },
    }
    position += count
    return attention(run)
  })
  return { outputs, bytes }
}

describe('attention over a 4-bit cache', () => {
  it.each([1, 0.4])('is attention over the values that the cache holds, sparsity %d', (sparsity) => {
    const steps = [6, 1, 3, 1]
    const { outputs } = attend('q4g64', steps, sparsity)
    expect(outputs).toEqual(attend('float32', steps, sparsity, roundedToGroups).outputs)
    expect(outputs).not.toEqual(attend('float32', steps, sparsity).outputs)
  })

  it('stores a group for each kv head and position, and nothing else', () => {
    const { bytes } = attend('q4g64', [3], 1)
    const k = randomFloats(1, 3 * kvHeads * headDim)
    const v = randomFloats(2, 3 * kvHeads * headDim)
    const expected = new Uint8Array(bytes.length)
    for (const [part, values] of [k, v].entries())
      for (let token = 0; token < 3; token++)
        for (let head = 0; head < kvHeads; head++) {
          const from = (token * kvHeads + head) * headDim
          const to = ((part * kvHeads + head) * maxPositions + token) * 36
          quantizeRows('float32', values.subarray(from, from + headDim), headDim, expected.subarray(to))
        }
    expect(bytes).toEqual(expected)
  })

  it('gives NaN where a vector is not finite, and only to the heads that read it', () => {
    const bytes = new Uint8Array(cachePageBytes(specOf('q4g64'), maxPositions))
    const row = createCacheValues(bytes, specOf('q4g64'), new Float32Array(headDim))
    const v = new Float32Array(kvHeads * headDim).fill(1)
    v[headDim] = Number.POSITIVE_INFINITY
    const run: AttentionRun = {
      q: new Float32Array(heads * headDim).fill(1),
      k: new Float32Array(kvHeads * headDim).fill(1),
      v,
      positions: Int32Array.of(0),
      lengths: Int32Array.of(1),
      cacheRows: [row],
      maxPositions,
      attributes: { cache: 'kv', heads, kvHeads, headDim, scale: 1, sparsity: 1 },
    }
    const y = attention(run)
    expect(y.subarray(0, 2 * headDim)).toEqual(new Float32Array(2 * headDim).fill(1))
    expect(y.subarray(2 * headDim).every(Number.isNaN)).toBe(true)
  })
})
