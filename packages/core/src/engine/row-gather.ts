import {
  bytesOf,
  type Extent,
  type HostBuffer,
  type QueueEvent,
  type RegionRange,
  spanOf,
  type Tier,
  type TierQueue,
  type WeightSource,
} from '@flexgen/spec'
import type { WeightUnit } from '../placement/weight-unit.ts'
import { tensorRanges } from './read-unit.ts'
import type { RestingBlock, RestingUnit } from './resting-weights.ts'

/** Where gathered rows come from. */
export interface RowGatherOptions {
  readonly ram: Tier
  readonly diskQueue: TierQueue
  readonly source: WeightSource
  readonly table: RestingUnit
}

/** Rows of a table that were asked for. */
export interface GatheredRows {
  readonly rowCount: number
  /** After this all of them are there; undefined where they are already. */
  readonly ready: QueueEvent | undefined
}

/** Bytes of one row of a table. */
export function tableRowBytes({ sizeBytes, spec }: WeightUnit): number {
  return sizeBytes / spec.shape[0]!
}

/** Bytes that the rows of a batch take: at most one row for each of its ids, and never more than the table. */
export function gatherBytes(table: WeightUnit, idCount: number): number {
  return Math.min(idCount, table.spec.shape[0]!) * tableRowBytes(table)
}

/**
 * Reads the table rows of some ids, each once, into `target`, and rewrites the ids to count within them. Only those
 * bytes move, where a whole vocabulary would be read for a handful of rows. Rows of disk regions are one operation of the
 * queue, however many they are, and so are slots of files in a row.
 */
export function gatherRows(options: RowGatherOptions, ids: Int32Array, target: HostBuffer): GatheredRows {
  const { table, ram, diskQueue } = options
  const rowBytes = tableRowBytes(table.unit)
  const slots = new Map<number, number>()
  const extents: Extent[] = []
  const ranges: RegionRange[] = []
  let ready: QueueEvent | undefined
  /** Queues the reads of the rows before a slot that lie in files and are not queued yet. */
  const flush = (slot: number): void => {
    const byteLength = extents.reduce((sum, extent) => sum + extent.byteLength, 0)
    if (byteLength > 0)
      ready = diskQueue.readExtents(spanOf(target, slot * rowBytes - byteLength, byteLength), extents.splice(0))
  }
  ids.forEach((id, i) => {
    let slot = slots.get(id)
    if (slot === undefined) {
      slot = slots.size
      slots.set(id, slot)
      const block = blockOf(table, id)
      const { region } = block
      if (region === undefined) extents.push(...rowExtents(options, id, rowBytes))
      else {
        flush(slot)
        const [byteOffset, targetOffset] = [(id - block.firstRow) * rowBytes, slot * rowBytes]
        if (block.tier === 'disk') ranges.push({ region, byteOffset, byteLength: rowBytes, targetOffset })
        else {
          const row = ram.view!(region).bytes.subarray(byteOffset, byteOffset + rowBytes)
          bytesOf(spanOf(target, targetOffset, rowBytes)).set(row)
        }
      }
    }
    ids[i] = slot
  })
  flush(slots.size)
  if (ranges.length > 0) ready = diskQueue.readRanges(spanOf(target, 0, slots.size * rowBytes), ranges)
  return { rowCount: slots.size, ready }
}

function blockOf({ blocks }: RestingUnit, row: number): RestingBlock {
  return blocks.find(({ firstRow, rowCount }) => row >= firstRow && row < firstRow + rowCount)!
}

function rowExtents({ table, source }: RowGatherOptions, row: number, rowBytes: number): Extent[] {
  // Only what lies in files has no region.
  return [...tensorRanges(table.unit, row * rowBytes, rowBytes)].flatMap(({ tensor, byteOffset, byteLength }) =>
    source.extents(tensor, byteOffset, byteLength)!,
  )
}
