import { dtypeBytes, type DType } from '@flexgen/spec'
import type { ComputeRates, WeightForm } from '../hardware/hardware-profile.ts'
import { interpolateCost } from './interpolate.ts'

/** Seconds that a place takes, from what was measured there. */
export interface ComputeTimes {
  /** Of a product with `parameters` weights and `rows` rows. */
  matmul(form: WeightForm, rows: number, parameters: number): number
  /** Of reading KV of the given bytes in the wide form, for that many sequences at a time. */
  decodeAttention(sequences: number, wideBytes: number): number
  /** Of `4 * positions^2 * hidden size` operations. */
  prefillAttention(promptTokens: number, flops: number): number
}

/**
 * Times in a compute dtype. Weights in a form that was not measured cost what the others do, 4-bit ones their
 * widening besides; so does a cache of 4 bits.
 */
export function computeTimes(rates: ComputeRates, dtype: DType, isCacheCompressed: boolean): ComputeTimes {
  const ofDtype = <T extends { readonly dtype: DType }>(all: readonly T[]): readonly T[] => {
    const own = all.filter((rate) => rate.dtype === dtype)
    return own.length > 0 ? own : all
  }
  const widening = isCacheCompressed ? 1 / rates.dequantizeBytesPerSecond : 0
  return {
    matmul(form, rows, parameters) {
      const all = ofDtype(rates.matmul)
      const own = all.filter((rate) => rate.weights === form)
      const wide = all.filter((rate) => rate.weights !== 'q4')
      const used = own.length > 0 ? own : wide.length > 0 ? wide : all
      const points = used.map((rate) => ({ size: rate.rows, cost: (2 * rate.rows) / rate.flopsPerSecond }))
      const widened = form === 'q4' && own.length === 0 ? dtypeBytes(dtype, 1) / rates.dequantizeBytesPerSecond : 0
      return parameters * (interpolateCost(points, rows) + widened)
    },
    decodeAttention(sequences, wideBytes) {
      const points = ofDtype(rates.decodeAttention).map((rate) => ({
        size: rate.sequences,
        cost: rate.sequences / rate.bytesPerSecond,
      }))
      // Few sequences use a machine no better than the fewest that were measured.
      const perByte = interpolateCost(points, sequences) / Math.max(sequences, Math.min(...points.map((p) => p.size)))
      return wideBytes * (perByte + widening)
    },
    prefillAttention(promptTokens, flops) {
      const points = ofDtype(rates.prefillAttention).map((rate) => ({
        size: rate.promptTokens,
        cost: rate.promptTokens / rate.flopsPerSecond,
      }))
      const perFlop =
        interpolateCost(points, promptTokens) / Math.max(promptTokens, Math.min(...points.map((p) => p.size)))
      return flops * perFlop
    },
  }
}
