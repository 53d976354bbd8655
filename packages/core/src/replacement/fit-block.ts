import { cachePageBytes, InfeasibleError } from '@flexgen/spec'
import type { BlockPlan } from '../engine/block-plan.ts'
import { cacheSlotCount } from '../engine/cache-lane.ts'
import { attendsAt } from '../engine/cache-moves.ts'
import type { CacheHome } from '../engine/cache-units.ts'
import type { LoadedParts } from '../engine/loaded-parts.ts'
import type { RowHome } from '../placement/place-rows.ts'
import { defaultPagePositions } from '../plan/plan-run.ts'
import type { CacheMover } from './cache-mover.ts'
import type { DeviceRoom } from './device-room.ts'
import { moveHomes } from './move-homes.ts'
import type { RamRoom } from './ram-room.ts'

/** What a block must fit in. */
export interface FitBlockOptions {
  readonly room: DeviceRoom
  readonly ramRoom: RamRoom
  readonly mover: CacheMover
  readonly parts: Pick<LoadedParts, 'options' | 'budget'>
}

/**
 * A block before it is allocated, after pins have made way: KV that has no room where it was planned goes to RAM, and to the disk.
 * @throws {InfeasibleError} where there is no room for it at all
 */
export function fitBlock(plan: BlockPlan, { room, ramRoom, mover, parts }: FitBlockOptions): BlockPlan {
  const { limits } = parts.budget
  const { cacheSpec, shape, bytes, cacheSlotRows } = plan
  const each = cachePageBytes(cacheSpec, cacheSpec.maxPositions)
  const page = cachePageBytes(cacheSpec, parts.options.pagePositions ?? defaultPagePositions)
  const slotRows = Math.max(0, Math.min(parts.options.policy.gpuBatchSize, shape.sequences) - cacheSlotRows.device)
  const slotBytes = cacheSlotCount * slotRows * each
  const onDisk: CacheHome = { home: 'disk', attends: 'device' }
  let { cacheHomes } = plan
  const move = (from: readonly RowHome[], to: CacheHome, count: number): number => {
    const { homes, moved } = moveHomes(cacheHomes, from, to, count)
    cacheHomes = homes
    return moved
  }
  /** Rows that must leave so that so many bytes are free, where each leaves so many. */
  const rows = (lacks: number, leaves: number): number =>
    lacks <= 0 ? 0 : leaves <= 0 ? Number.POSITIVE_INFINITY : Math.ceil(lacks / leaves)
  const need = (wanted: number, got: number): void => {
    if (got >= wanted) return
    throw new InfeasibleError('the next block has no room for its KV within the budget as it is now', {
      hint: 'give it more, or smaller batches: finished results are kept',
    })
  }
  if (room.isHost) {
    const lacks = room.isLimited ? bytes.cache.device + bytes.cache.host - room.free(limits) : 0
    const wanted = rows(lacks <= 0 ? 0 : lacks + slotBytes, each - page)
    need(wanted, move(['device', 'ram'], onDisk, Math.min(wanted, 1e9)))
    return { ...plan, cacheHomes }
  }
  const ramLacks = bytes.cache.host - ramRoom.free(limits)
  const fromRam = rows(ramLacks, each - page)
  need(fromRam, move(['ram'], onDisk, Math.min(fromRam, 1e9)))
  const lacks = bytes.cache.device - room.free(limits)
  const slots = fromRam > 0 || (lacks > 0 && !mover.hostAttends) ? slotBytes : 0
  const leaving = rows(lacks + slots, each)
  const ramFree = Math.max(0, -ramLacks)
  const toRam = Math.min(leaving, Math.floor(ramFree / each))
  const inRam: CacheHome = { home: 'ram', attends: attendsAt('ram', mover.hostAttends) }
  const movedToRam = move(['device'], inRam, toRam)
  const toDisk = Math.min(leaving - movedToRam, Math.floor((ramFree - movedToRam * each) / page))
  need(leaving, movedToRam + move(['device'], onDisk, toDisk))
  return { ...plan, cacheHomes }
}
