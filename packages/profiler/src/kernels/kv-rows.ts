import { cachePageBytes, type CacheRow, type CacheSpec, type Kernel, type Span, spanOf } from '@flexgen/spec'
import { type MemoryRoom, workingSetBytes } from './working-set.ts'
import { fillNormal } from './fill-normal.ts'
import type { Probe } from './probe.ts'

/** Sizes of a run of attention. */
export interface AttentionRun {
  readonly batch: number
  readonly seq: number
  /** Positions of every row after the run. */
  readonly length: number
}

/**
 * How often caches fit into the KV that is walked over at its full length: the shorter length that is measured, too, which
 * is an eighth, is more than they hold.
 */
const cacheTimes = 16

/**
 * KV for runs of up to `batch` sequences, as much as makes a working set and a multiple of `batch` rows. It is written,
 * because memory that never was is one page of zeros, which every cache holds.
 */
export async function createKvRows(
  probe: Probe,
  spec: CacheSpec,
  batch: number,
  room: MemoryRoom,
  leastBytes: number,
): Promise<readonly CacheRow[]> {
  const rowBytes = cachePageBytes(spec, spec.maxPositions)
  const caches = Math.max(1, Math.ceil(workingSetBytes(room, leastBytes, cacheTimes) / (batch * rowBytes)))
  const { backend, queue } = probe
  const host = backend.allocateHost(rowBytes)
  fillNormal(host.bytes, spec.dtype, 'activation')
  const page = { span: spanOf(host), positions: spec.maxPositions }
  const range = { position: 0, count: spec.maxPositions }
  const rows: CacheRow[] = []
  for (let i = 0; i < caches; i++) {
    const cache = probe.allocateCache(spec, batch)
    for (let row = 0; row < batch; row++) {
      rows.push({ cache, row })
      queue.copyToCache({ cache, row, ...range }, { page, ...range })
    }
    await queue.idle()
  }
  backend.free(host)
  return rows
}

/** Binds attention over all rows in turn, `batch` sequences a run; a run reads what no other before it in the turn has. */
export async function bindAttention(
  probe: Probe,
  kernel: Kernel,
  rows: readonly CacheRow[],
  { batch, seq, length }: AttentionRun,
): Promise<void> {
  const positions = Int32Array.from({ length: batch * seq }, (_, i) => length - seq + (i % seq))
  const spans = new Map<string, Span>([
    ['positions', await probe.allocateNumbers(positions)],
    ['lengths', await probe.allocateNumbers(new Int32Array(batch).fill(length))],
  ])
  for (const value of [...kernel.graph.inputs, ...kernel.graph.outputs])
    if (!spans.has(value.name)) spans.set(value.name, await probe.allocateValue(value, { batch, seq }))
  for (let first = 0; first + batch <= rows.length; first += batch) {
    const binding = await probe.bind(kernel, { batch, seq }, spans)
    binding.setCache('kv', rows.slice(first, first + batch))
  }
}
