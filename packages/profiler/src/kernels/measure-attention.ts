import type { DecodeAttentionRate, PrefillAttentionRate } from '@flexgen/planner'
import { type Backend, bytesOf, cachePageBytes, type DType, type HostBuffer, type Span, spanOf } from '@flexgen/spec'
import { timeRuns } from '../timing/time-runs.ts'
import type { MeasureEffort } from './measure-effort.ts'
import { Probe } from './probe.ts'
import { attentionGraph } from './probe-graphs.ts'

/** Attention: its speed where much is read, and what a row costs where little is. */
export interface MeasuredAttention {
  readonly decodeAttention: readonly DecodeAttentionRate[]
  readonly prefillAttention: readonly PrefillAttentionRate[]
  readonly attentionRowSeconds: number
}

/** Largest cost that may be taken off as that of a call: what is left must stay a time. */
const leastShare = 0.2

/**
 * Speeds of attention.
 * @param cacheDtypes dtypes of KV to measure decode steps in
 * @param stageSeconds cost of a call, which is counted elsewhere
 */
export async function measureAttention(
  backend: Backend,
  dtype: DType,
  cacheDtypes: readonly DType[],
  effort: MeasureEffort,
  stageSeconds: number,
): Promise<MeasuredAttention> {
  const { heads, headDim, timing, sequences, positions } = effort
  const decodeAttention: DecodeAttentionRate[] = []
  const rowSeconds: number[] = []
  for (const cacheDtype of cacheDtypes) {
    for (const batch of sequences) {
      const times: number[] = []
      let spread = 0
      for (const length of positions) {
        await using probe = new Probe(backend)
        await bindAttention(probe, { batch, seq: 1, length, dtype, cacheDtype, heads, headDim })
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
    await bindAttention(probe, {
      batch,
      seq: promptTokens,
      length: promptTokens,
      dtype,
      cacheDtype: dtype,
      heads,
      headDim,
    })
    const { seconds, spread } = await timeRuns((runs) => probe.run(runs), timing)
    const own = Math.max(leastShare * seconds, seconds - stageSeconds)
    const flops = 4 * promptTokens ** 2 * heads * headDim * batch
    prefillAttention.push({ dtype, promptTokens, flopsPerSecond: flops / own, spread })
  }
  // Of one sequence alone no lane runs beside another.
  const many = rowSeconds.slice(1)
  return { decodeAttention, prefillAttention, attentionRowSeconds: median(many.length > 0 ? many : rowSeconds) }
}

/** Sizes of a run of attention. */
export interface AttentionRun {
  readonly batch: number
  readonly seq: number
  /** Positions of every row after the run. */
  readonly length: number
  readonly dtype: DType
  readonly cacheDtype: DType
  readonly heads: number
  readonly headDim: number
}

/** Binds attention over KV of its own. */
export async function bindAttention(probe: Probe, run: AttentionRun): Promise<void> {
  const { batch, seq, length, dtype, cacheDtype, heads, headDim } = run
  const kernel = await probe.compile(attentionGraph(heads, headDim, dtype))
  const cache = probe.allocateCache({ kvHeads: heads, headDim, maxPositions: length, dtype: cacheDtype }, batch)
  const positions = await numbers(
    probe,
    Int32Array.from({ length: batch * seq }, (_, i) => length - seq + (i % seq)),
  )
  const lengths = await numbers(probe, new Int32Array(batch).fill(length))
  const binding = await probe.bind(
    kernel,
    { batch, seq },
    new Map([
      ['positions', positions],
      ['lengths', lengths],
    ]),
  )
  binding.setCache(
    'kv',
    Array.from({ length: batch }, (_, row) => ({ cache, row })),
  )
}

async function numbers(probe: Probe, values: Int32Array): Promise<Span> {
  const span = await probe.allocate('int32', values.byteLength)
  const bytes = new Uint8Array(values.buffer)
  if (probe.backend.device.hostVisible) {
    bytesOf(span as Span<HostBuffer>).set(bytes)
    return span
  }
  const host = probe.backend.allocateHost(values.byteLength)
  host.bytes.set(bytes)
  await probe.queue.copyIn(span, spanOf(host)).whenDone()
  probe.backend.free(host)
  return span
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
