import type { HostBuffer, Span } from '@flexgen/spec'
import { blockEnd, blockStart } from './piece-bytes.ts'

/** Bytes of a file or region from `position` on, and where they go. */
export interface ReadPart {
  readonly position: number
  readonly target: Span<HostBuffer>
}

/** Parts that lie so close together that one read of all bytes from `start` to `end` fetches them. */
export interface ReadRun {
  readonly start: number
  readonly end: number
  readonly parts: readonly ReadPart[]
}

/** Runs that share a staging buffer and are read at once. */
export interface ReadBatch {
  /** Bytes of the parts. */
  readonly sizeBytes: number
  readonly runs: readonly ReadRun[]
}

/** Bytes of the parts of runs. */
export function partBytes(runs: readonly ReadRun[]): number {
  let sumBytes = 0
  for (const { parts } of runs) for (const { target } of parts) sumBytes += target.byteLength
  return sumBytes
}

/** Longest part that is read together with others; longer ones gain nothing by it. */
export const smallPartBytes: number = 128 * 2 ** 10

/** Bytes that the runs of a batch take together at most, in whole blocks. */
export const batchBytes: number = 2 ** 20

/** Bytes between two parts that are read and dropped, since that takes less time than a read more. */
const maxGapBytes = 32 * 2 ** 10

/** With the four lanes of a disk queue, 32 reads are in flight. */
const maxRuns = 8

interface OpenRun {
  readonly start: number
  end: number
  readonly parts: ReadPart[]
}

interface OpenBatch {
  sizeBytes: number
  stagedBytes: number
  readonly runs: OpenRun[]
}

/** Bytes of a run in whole blocks, as direct reads fetch it. */
export function runBytes({ start, end }: Pick<ReadRun, 'start' | 'end'>): number {
  return blockEnd(end) - blockStart(start)
}

/** Joins small parts of one file or region, in any order, to runs, and these to batches. */
export function batchReads(parts: readonly ReadPart[]): readonly ReadBatch[] {
  const batches: OpenBatch[] = []
  for (const part of parts.toSorted((a, b) => a.position - b.position)) {
    const { byteLength } = part.target
    const end = part.position + byteLength
    let batch = batches.at(-1)
    if (batch === undefined || !joinRun(batch, part, end)) {
      const run = { start: part.position, end, parts: [part] }
      const stagedBytes = runBytes(run)
      if (batch === undefined || batch.runs.length === maxRuns || batch.stagedBytes + stagedBytes > batchBytes)
        batches.push((batch = { sizeBytes: 0, stagedBytes: 0, runs: [] }))
      batch.runs.push(run)
      batch.stagedBytes += stagedBytes
    }
    batch.sizeBytes += byteLength
  }
  return batches
}

/** Adds a part to the last run of a batch, if it is near and there is room. */
function joinRun(batch: OpenBatch, part: ReadPart, partEnd: number): boolean {
  const run = batch.runs.at(-1)!
  const end = Math.max(run.end, partEnd)
  const stagedBytes = batch.stagedBytes - runBytes(run) + runBytes({ start: run.start, end })
  if (part.position - run.end > maxGapBytes || stagedBytes > batchBytes) return false
  batch.stagedBytes = stagedBytes
  run.end = end
  run.parts.push(part)
  return true
}
