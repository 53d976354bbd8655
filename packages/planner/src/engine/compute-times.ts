import { dtypeBytes, type DType } from '@flexgen/spec'
import type { ComputeRates, WeightForm } from '../hardware/hardware-profile.ts'
import { interpolateCost } from './interpolate.ts'

/** Seconds that a place takes, from what was measured there. */
export interface ComputeTimes {
  /** Of a product with `parameters` weights, of the given dtype where they are bound, and `rows` rows. */
  matmul(form: WeightForm, rows: number, parameters: number, weightDtype: DType): number
  /** Of reading KV of the given bytes in the wide form, for that many sequences at a time. */
  decodeAttention(sequences: number, wideBytes: number): number
  /** Of `4 * positions^2 * hidden size` operations. */
  prefillAttention(promptTokens: number, flops: number): number
  /** What attention of one sequence in one layer takes besides. */
  readonly attentionRowSeconds: number
  /** Norms, sums and activations, for one value of the hidden state of one token in one decoder layer. */
  readonly elementwiseSeconds: number
  readonly stageSeconds: number
}

/**
 * Times in a compute dtype. Weights in a form that was not measured cost what the others do, 4-bit ones their
 * widening besides; so does a cache of 4 bits.
 */
export function computeTimes(
  rates: ComputeRates,
  dtype: DType,
  isCacheCompressed: boolean,
  stageSeconds: number,
): ComputeTimes {
  const ofDtype = <T extends { readonly dtype: DType }>(all: readonly T[]): readonly T[] => {
    const own = all.filter((rate) => rate.dtype === dtype)
    return own.length > 0 ? own : all
  }
  const cached = isCacheCompressed ? 'q4g64' : dtype
  const decodeRates = rates.decodeAttention.some((rate) => rate.dtype === cached)
    ? rates.decodeAttention.filter((rate) => rate.dtype === cached)
    : ofDtype(rates.decodeAttention)
  const isWidened = isCacheCompressed && decodeRates[0]!.dtype !== cached
  const widening = isWidened ? 1 / rates.dequantizeBytesPerSecond : 0
  return {
    matmul(form, rows, parameters, weightDtype) {
      const all = ofDtype(rates.matmul)
      const own = all.filter((rate) => rate.weights === form)
      const ofForm = firstFound([
        own,
        ...(['prepared', 'bound'] as const).map((other) => all.filter((rate) => rate.weights === other)),
        all,
      ])
      // Halves of either kind are widened alike.
      const dtypes: readonly DType[] = weightDtype === 'bfloat16' ? [weightDtype, 'float16'] : [weightDtype]
      const used = firstFound([...dtypes.map((each) => ofForm.filter((rate) => rate.weightDtype === each)), ofForm])
      const points = used.map((rate) => ({ size: rate.rows, cost: (2 * rate.rows) / rate.flopsPerSecond }))
      const widened = form === 'q4' && own.length === 0 ? dtypeBytes(dtype, 1) / rates.dequantizeBytesPerSecond : 0
      return parameters * (interpolateCost(points, rows) + widened)
    },
    decodeAttention(sequences, wideBytes) {
      const points = decodeRates.map((rate) => ({
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
    attentionRowSeconds: rates.attentionRowSeconds ?? 0,
    elementwiseSeconds: rates.elementwiseSeconds ?? 0,
    stageSeconds: rates.stageSeconds ?? stageSeconds,
  }
}

/** The first list that has anything; the last in any case. */
function firstFound<T>(lists: readonly (readonly T[])[]): readonly T[] {
  return lists.find((list) => list.length > 0) ?? lists.at(-1)!
}
