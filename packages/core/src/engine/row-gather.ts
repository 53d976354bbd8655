import {
  type Backend,
  bytesOf,
  type HostBuffer,
  type QueueEvent,
  type Span,
  spanOf,
  type Tier,
  type TierQueue,
  type WeightSource,
} from '@flexgen/spec'
import { eachPart, type RestingUnit } from './resident-weights.ts'

/** Where gathered rows come from. */
export interface RowGatherOptions {
  readonly ram: Tier
  readonly diskQueue: TierQueue
  readonly source: WeightSource
  readonly resting: RestingUnit
}

/** Bytes of one row of the table. */
export function tableRowBytes({ placed }: RestingUnit): number {
  return placed.unit.sizeBytes / placed.unit.spec.shape[0]!
}

/**
 * Reads the table rows of some ids, each once, into `target`, and rewrites the ids to count within them. Only those
 * bytes move, where a whole vocabulary would be read for a handful of rows.
 */
export function gatherRows(
  options: RowGatherOptions,
  ids: Int32Array,
  target: Span<HostBuffer>,
): { readonly rowCount: number; readonly ready: readonly QueueEvent[] } {
  const { diskQueue, source, ram } = options
  const { unit, place } = options.resting.placed
  const rowBytes = tableRowBytes(options.resting)
  const slots = new Map<number, number>()
  let last: QueueEvent | undefined
  ids.forEach((id, i) => {
    let slot = slots.get(id)
    if (slot === undefined) {
      slot = slots.size
      slots.set(id, slot)
      const row = spanOf(target.buffer, target.byteOffset + slot * rowBytes, rowBytes)
      const blocks = place.tier === 'streamed' ? place.blocks : []
      const index = blocks.findIndex((block) => id >= block.firstRow && id < block.firstRow + block.rowCount)
      const block = blocks[index]!
      const region = options.resting.regions[index]
      const blockOffset = (id - block.firstRow) * rowBytes
      if (block.tier === 'ram') {
        const resting = ram.view!(region!)
        bytesOf(row).set(resting.bytes.subarray(blockOffset, blockOffset + rowBytes))
      } else if (region === undefined) {
        eachPart(unit, id * rowBytes, rowBytes, (tensor, tensorOffset, byteLength, rangeOffset) => {
          last = diskQueue.readExtents(
            spanOf(row.buffer, row.byteOffset + rangeOffset, byteLength),
            source.extents(tensor, tensorOffset, byteLength)!,
          )
        })
      } else last = diskQueue.read(row, region, blockOffset)
    }
    ids[i] = slot
  })
  return { rowCount: slots.size, ready: last === undefined ? [] : [last] }
}

/** Bytes of a gather buffer for a batch: at most one row for each of its ids, and never more than the table. */
export function gatherBytes(resting: RestingUnit, idCount: number): number {
  return Math.min(idCount, resting.placed.unit.spec.shape[0]!) * tableRowBytes(resting)
}

/** A gather buffer: host memory, and its copy where the device has memory of its own. */
export function allocateGather(
  backend: Backend,
  byteLength: number,
): { host: HostBuffer; device: ReturnType<Backend['allocate']> | undefined } {
  return {
    host: backend.allocateHost(byteLength),
    device: backend.device.hostVisible ? undefined : backend.allocate(byteLength),
  }
}
