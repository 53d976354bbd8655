import { dequantizeRows, quantizeRows } from '@flexgen/quantize'
import { type CacheSpec, dtypeBytes } from '@flexgen/spec'
import type { CacheValues } from '../operators/cache-values.ts'

/**
 * Reads and writes a cache row in the host form `[K or V, kv head, max positions, head dim]` where it lies.
 *
 * @param scratch room for one vector, which rows of one run may share
 */
export function createCacheValues(
  bytes: Uint8Array,
  { dtype, headDim, maxPositions }: CacheSpec,
  scratch: Float32Array,
): CacheValues {
  return dtype === 'q4g64'
    ? quantizedValues(bytes, headDim, maxPositions, scratch)
    : floatValues(bytes, headDim, maxPositions)
}

function floatValues(bytes: Uint8Array, headDim: number, maxPositions: number): CacheValues {
  const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
  const locate = (lane: number, position: number): number => (lane * maxPositions + position) * headDim
  return { values, locate, store: (lane, position, vector) => values.set(vector, locate(lane, position)) }
}

function quantizedValues(bytes: Uint8Array, headDim: number, maxPositions: number, scratch: Float32Array): CacheValues {
  const vectorBytes = dtypeBytes('q4g64', headDim)
  const bytesOf = (lane: number, position: number): Uint8Array => {
    const from = (lane * maxPositions + position) * vectorBytes
    return bytes.subarray(from, from + vectorBytes)
  }
  return {
    values: scratch,
    locate: (lane, position) => {
      dequantizeRows(bytesOf(lane, position), headDim, scratch)
      return 0
    },
    // A vector that float16 cannot bound becomes NaN, and so does all that attends to it.
    store: (lane, position, vector) => void quantizeRows('float32', vector, headDim, bytesOf(lane, position)),
  }
}
