import { dtypeBytes, type DType } from '@flexgen/spec'
import type { ComputeSpeeds, WeightForm } from '../scenario/hardware.ts'
import { costCurve } from './interpolate-cost.ts'

/** Seconds that a place takes, from what the profile says. */
export interface ComputeTimes {
  /** Of a product with `parameters` weights, of the given dtype where they are bound, and `rows` rows. */
  matmul(form: WeightForm, rows: number, parameters: number, weightDtype: DType): number
  /** Of reading KV of the given bytes in the wide form, for that many sequences at a time. */
  decodeAttention(sequences: number, wideBytes: number, cacheDtype: DType): number
  /** Of `4 * positions^2 * hidden size` operations. */
  prefillAttention(promptTokens: number, flops: number): number
  /** Of putting KV of the given wide bytes into 4 bits. */
  quantize(wideBytes: number): number
  /** What attention of one new token of one sequence takes besides reading KV. */
  readonly attentionRowSeconds: number
  /** Of a norm and what stands around it, for one value: half of what a decoder layer has. */
  readonly normSeconds: number
}

/**
 * Times in a compute dtype, by the planner's rule: what was not measured costs what its like does, 4-bit weights and
 * KV their widening besides.
 */
export function computeTimes(speeds: ComputeSpeeds, dtype: DType): ComputeTimes {
  const ofDtype = <T extends { readonly dtype: DType }>(all: readonly T[], wanted: DType): readonly T[] => {
    const own = all.filter((speed) => speed.dtype === wanted)
    return own.length > 0 ? own : all.filter((speed) => speed.dtype === all[0]!.dtype)
  }
  const matmuls = ofDtype(speeds.matmul, dtype)
  const curveOf = (form: WeightForm, weightDtype: DType): ((rows: number) => number) => {
    const own = matmuls.filter((speed) => speed.weights === form)
    const wide = matmuls.filter((speed) => speed.weights !== 'q4')
    const ofForm = own.length > 0 ? own : wide.length > 0 ? wide : matmuls
    const ofWeights = ofForm.filter((speed) => speed.weightDtype === weightDtype)
    const used = ofWeights.length > 0 ? ofWeights : ofForm
    const cost = costCurve(used.map(({ rows, flopsPerSecond }) => ({ size: rows, cost: (2 * rows) / flopsPerSecond })))
    const widened = form === 'q4' && own.length === 0 ? dtypeBytes(dtype, 1) / speeds.dequantizeBytesPerSecond : 0
    return (rows) => cost(rows) + widened
  }
  const curves = new Map<string, (rows: number) => number>()
  const curve = (form: WeightForm, weightDtype: DType): ((rows: number) => number) => {
    const key = `${form} ${weightDtype}`
    const known = curves.get(key) ?? curveOf(form, weightDtype)
    curves.set(key, known)
    return known
  }
  const perUnit = (points: readonly { size: number; perSecond: number }[]): ((size: number) => number) => {
    const cost = costCurve(points.map(({ size, perSecond }) => ({ size, cost: size / perSecond })))
    // Few use a machine no better than the fewest that were measured.
    const least = Math.min(...points.map(({ size }) => size))
    return (size) => cost(size) / Math.max(size, least)
  }
  const perByteOf = (rates: ComputeSpeeds['decodeAttention']): ((sequences: number) => number) =>
    perUnit(rates.map(({ sequences, bytesPerSecond }) => ({ size: sequences, perSecond: bytesPerSecond })))
  const perByte = perByteOf(ofDtype(speeds.decodeAttention, dtype))
  const inFourBits = speeds.decodeAttention.filter((speed) => speed.dtype === 'q4g64')
  const perByteInFourBits = inFourBits.length > 0 ? perByteOf(inFourBits) : undefined
  const prefills = ofDtype(speeds.prefillAttention, dtype)
  const perFlop = perUnit(
    prefills.map(({ promptTokens, flopsPerSecond }) => ({ size: promptTokens, perSecond: flopsPerSecond })),
  )
  return {
    matmul: (form, rows, parameters, weightDtype) => parameters * curve(form, weightDtype)(rows),
    decodeAttention: (sequences, wideBytes, cacheDtype) => {
      if (cacheDtype !== 'q4g64') return wideBytes * perByte(sequences)
      if (perByteInFourBits !== undefined) return wideBytes * perByteInFourBits(sequences)
      return wideBytes * (perByte(sequences) + 1 / speeds.dequantizeBytesPerSecond)
    },
    prefillAttention: (promptTokens, flops) => flops * perFlop(promptTokens),
    quantize: (wideBytes) => wideBytes / speeds.quantizeBytesPerSecond,
    attentionRowSeconds: speeds.attentionRowSeconds ?? 0,
    normSeconds: (speeds.elementwiseSeconds ?? 0) / 2,
  }
}
