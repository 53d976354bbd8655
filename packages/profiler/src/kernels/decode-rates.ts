import type { DecodeAttentionRate } from '@flexgen/planner'
import type { DType } from '@flexgen/spec'
import { summarise } from '../timing/time-runs.ts'

/** KV that was read in a decode step, in bytes of the dtype that is computed with, and how long the step took. */
export interface Read {
  readonly bytes: number
  readonly seconds: number
}

/** Decode attention of so many sequences at two lengths. */
export interface DecodeTimes extends Pick<DecodeAttentionRate, 'dtype' | 'sequences'> {
  readonly short: Read
  readonly long: Read
  readonly spread: number
}

/** Decode attention by bytes, and what a sequence costs besides. */
export interface DecodeRates {
  readonly rates: readonly DecodeAttentionRate[]
  readonly rowSeconds: number
}

/** Largest part of a step that may be taken off as other than reading: what is left must stay a time. */
const mostOther = 0.7

/**
 * On a device with memory of its own: all that was read by all the time it took. A step costs there what it costs to begin it,
 * whatever it reads, which the bytes of a step of usual length carry.
 */
export function rateOnDevice({ dtype, sequences, short, long, spread }: DecodeTimes): DecodeAttentionRate {
  const bytesPerSecond = (short.bytes + long.bytes) / (short.seconds + long.seconds)
  return { dtype, sequences, bytesPerSecond, spread }
}

/**
 * On a host a sequence costs its share of a thread beside what it reads: what is left where the line through both lengths
 * reads nothing, of KV in the dtype that is computed with. Rates are those with which the long steps take what was measured, as long as
 * most of that is reading.
 * @param computed dtype that is computed with
 * @param stageSeconds cost of a call, which is counted elsewhere
 */
export function ratesOnHost(decodes: readonly DecodeTimes[], computed: DType, stageSeconds: number): DecodeRates {
  const rows = decodes
    .filter(({ dtype }) => dtype === computed)
    .map(({ sequences, short, long }) => {
      const perByte = Math.max(0, (long.seconds - short.seconds) / (long.bytes - short.bytes))
      return Math.max(0, short.seconds - perByte * short.bytes - stageSeconds) / sequences
    })
  // Of one sequence alone no lane runs beside another.
  const { seconds: rowSeconds } = summarise(rows.length > 1 ? rows.slice(1) : rows)
  const rates = decodes.map(({ dtype, sequences, long, spread }): DecodeAttentionRate => {
    const reading = long.seconds - Math.min(mostOther * long.seconds, stageSeconds + sequences * rowSeconds)
    return { dtype, sequences, bytesPerSecond: long.bytes / reading, spread }
  })
  return { rates, rowSeconds }
}
