import type { DecodeAttentionRate, PrefillAttentionRate } from '@flexgen/planner'
import { type Backend, cachePageBytes, type DType } from '@flexgen/spec'
import { timeRuns } from '../timing/time-runs.ts'
import { bindAttention, createKvRows } from './kv-rows.ts'
import type { MeasureEffort } from './measure-effort.ts'
import { Probe } from './probe.ts'
import { attentionGraph } from './probe-graphs.ts'
import type { MemoryRoom } from './working-set.ts'

/** Attention: its speed where much is read, and what a row costs where little is. */
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
  const decodeAttention: DecodeAttentionRate[] = []
  const rowSeconds: number[] = []
  for (const cacheDtype of cacheDtypes) {
    await using probe = new Probe(backend)
    const kernel = await probe.compile(graph)
    const spec = { kvHeads: heads, headDim, maxPositions: positions[1], dtype: cacheDtype }
    const rows = await createKvRows(probe, spec, Math.max(...sequences), room, kvBytes)
    for (const batch of sequences) {
      const times: number[] = []
      let spread = 0
      for (const length of positions) {
        probe.unbind()
        await bindAttention(probe, kernel, rows, { batch, seq: 1, length })
        const measured = await timeRuns((runs) => probe.run(runs), timing)
        times.push(measured.seconds)
        spread = measured.spread
      }
      // Bytes are counted in the dtype that is computed with, whatever the cache holds.
      const bytes = (length: number): number => batch * cachePageBytes({ kvHeads: heads, headDim, dtype }, length)
      const [short, long] = [times[0]!, times[1]!]
      const perByte = Math.max(
        (long - short) / (bytes(positions[1]) - bytes(positions[0])),
        (0.3 * long) / bytes(positions[1]),
      )
      decodeAttention.push({ dtype: cacheDtype, sequences: batch, bytesPerSecond: 1 / perByte, spread })
      if (cacheDtype === dtype)
        rowSeconds.push(Math.max(0, short - perByte * bytes(positions[0]) - stageSeconds) / batch)
    }
  }
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
  // Of one sequence alone no lane runs beside another.
  const many = rowSeconds.slice(1)
  return { decodeAttention, prefillAttention, attentionRowSeconds: median(many.length > 0 ? many : rowSeconds) }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
