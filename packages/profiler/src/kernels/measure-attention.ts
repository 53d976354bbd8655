import type { DecodeAttentionRate, PrefillAttentionRate } from '@flexgen/planner'
import { type Backend, cachePageBytes, type DType } from '@flexgen/spec'
import { type MeasuredTime, timeRuns } from '../timing/time-runs.ts'
import { type DecodeTimes, rateOnDevice, ratesOnHost, type Read } from './decode-rates.ts'
import { bindAttention, createKvRows } from './kv-rows.ts'
import type { MeasureEffort } from './measure-effort.ts'
import { Probe } from './probe.ts'
import { attentionGraph } from './probe-graphs.ts'
import type { MemoryRoom } from './working-set.ts'

/** Attention: its speed, and on a host what a sequence costs besides. */
export interface MeasuredAttention {
  readonly decodeAttention: readonly DecodeAttentionRate[]
  readonly prefillAttention: readonly PrefillAttentionRate[]
  readonly attentionRowSeconds: number
}

/** Largest cost that may be taken off as that of a call: what is left must stay a time. */
const leastShare = 0.2

/**
 * Speeds of attention. Decode steps walk over more KV than caches hold, as those of a run do.
 * @param cacheDtypes dtypes of KV to measure decode steps in
 * @param stageSeconds cost of a call, which is counted elsewhere
 */
export async function measureAttention(
  backend: Backend,
  dtype: DType,
  cacheDtypes: readonly DType[],
  effort: MeasureEffort,
  stageSeconds: number,
  room: MemoryRoom,
): Promise<MeasuredAttention> {
  const { heads, headDim, timing, sequences, positions, kvBytes } = effort
  const graph = attentionGraph(heads, headDim, dtype)
  const decodes: DecodeTimes[] = []
  for (const cacheDtype of cacheDtypes) {
    await using probe = new Probe(backend)
    const kernel = await probe.compile(graph)
    const spec = { kvHeads: heads, headDim, maxPositions: positions[1], dtype: cacheDtype }
    const rows = await createKvRows(probe, spec, Math.max(...sequences), room, kvBytes)
    for (const batch of sequences) {
      const read = async (length: number): Promise<Read & MeasuredTime> => {
        probe.unbind()
        await bindAttention(probe, kernel, rows, { batch, seq: 1, length })
        // Bytes are counted in the dtype that is computed with, whatever the cache holds.
        const bytes = batch * cachePageBytes({ kvHeads: heads, headDim, dtype }, length)
        return { bytes, ...(await timeRuns((runs) => probe.run(runs), timing)) }
      }
      const short = await read(positions[0])
      const long = await read(positions[1])
      decodes.push({ dtype: cacheDtype, sequences: batch, short, long, spread: long.spread })
    }
  }
  const { rates: decodeAttention, rowSeconds: attentionRowSeconds } = backend.device.hostVisible
    ? ratesOnHost(decodes, dtype, stageSeconds)
    : { rates: decodes.map(rateOnDevice), rowSeconds: 0 }
  const prefillAttention: PrefillAttentionRate[] = []
  for (const promptTokens of effort.promptTokens) {
    await using probe = new Probe(backend)
    const batch = Math.max(1, Math.min(effort.sequences.at(-1)!, Math.floor(effort.prefillTokens / promptTokens)))
    const cache = probe.allocateCache({ kvHeads: heads, headDim, maxPositions: promptTokens, dtype }, batch)
    const rows = Array.from({ length: batch }, (_, row) => ({ cache, row }))
    await bindAttention(probe, await probe.compile(graph), rows, { batch, seq: promptTokens, length: promptTokens })
    const { seconds, spread } = await timeRuns((runs) => probe.run(runs), timing)
    const own = Math.max(leastShare * seconds, seconds - stageSeconds)
    const flops = 4 * promptTokens ** 2 * heads * headDim * batch
    prefillAttention.push({ dtype, promptTokens, flopsPerSecond: flops / own, spread })
  }
  return { decodeAttention, prefillAttention, attentionRowSeconds }
}
