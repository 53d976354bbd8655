import { cachePageBytes, InfeasibleError } from '@flexgen/spec'
import type { BlockPlan } from '../engine/block-plan.ts'
import { cacheSlotCount } from '../engine/cache-lane.ts'
import { attendsAt, type MovingRow } from '../engine/cache-moves.ts'
import type { CacheHome } from '../engine/cache-units.ts'
import type { LoadedParts } from '../engine/loaded-parts.ts'
import type { RowHome } from '../placement/place-rows.ts'
import { defaultPagePositions } from '../plan/plan-run.ts'
import { rowBytesOf } from './block-cache.ts'
import type { CacheMover } from './cache-mover.ts'
import type { DeviceRoom } from './device-room.ts'
import type { MemoryLimits } from './memory-budget.ts'
import { moveHomes } from './move-homes.ts'
import type { RamRoom } from './ram-room.ts'
import type { ReplacementStep } from './replacement-options.ts'
import type { RowCount } from './row-choice.ts'

/** What a smaller budget is held with. */
export interface BudgetHoldOptions {
  readonly room: DeviceRoom
  readonly ramRoom: RamRoom
  readonly mover: CacheMover
  readonly parts: Pick<LoadedParts, 'options' | 'budget'>
  readonly count: (rows: readonly MovingRow[]) => RowCount
  readonly note: (step: Pick<ReplacementStep, 'what' | 'why'> & Partial<ReplacementStep>) => void
}

/** What left its home. */
interface Left {
  droppedBytes: number
  demotedRows: number
  toDiskRows: number
}

/**
 * Frees what smaller limits need, between two sweeps: matrices are dropped, KV of the device goes to RAM, and to the disk where
 * RAM has no room. What has not moved yet when something fails stays where it is, and the run goes on.
 */
export class BudgetHold {
  readonly #options: BudgetHoldOptions

  constructor(options: BudgetHoldOptions) {
    this.#options = options
  }

  /** @throws {InfeasibleError} where even all that may leave is not enough, or has nowhere to go */
  async hold(limits: MemoryLimits, rows: readonly MovingRow[], before: MemoryLimits): Promise<void> {
    const { room, ramRoom, mover, note } = this.#options
    const left: Left = { droppedBytes: 0, demotedRows: 0, toDiskRows: 0 }
    if (room.free(limits) < 0) await room.forgetAhead()
    if (!room.isHost) {
      mover.makeRam(0, limits)
      this.#checkRam(limits, rows)
      await this.#toDisk('ram', () => -ramRoom.free(limits), rows, before, left)
    }
    const missing = -room.free(limits)
    if (missing > 0) {
      this.#checkRoom(missing, limits, rows)
      if (room.isHost) await this.#shrinkHost(missing, limits, rows, before, left)
      else await this.#shrinkDevice(missing, limits, rows, before, left)
    }
    const grown = (limits.device ?? 0) > (before.device ?? 0) || (limits.ram ?? 0) > (before.ram ?? 0)
    note({ what: 'budget', why: grown ? 'it has grown' : 'it has shrunk', ...left })
  }

  /** Matrices leave first: they come back at no cost, and to read them again is as much as to read KV again. */
  async #shrinkHost(
    missing: number,
    limits: MemoryLimits,
    rows: readonly MovingRow[],
    before: MemoryLimits,
    left: Left,
  ): Promise<void> {
    const { room } = this.#options
    left.droppedBytes = await room.drop(missing, limits)
    await this.#toDisk('device', () => room.lacks(limits), rows, before, left)
  }

  async #shrinkDevice(
    missing: number,
    limits: MemoryLimits,
    rows: readonly MovingRow[],
    before: MemoryLimits,
    left: Left,
  ): Promise<void> {
    const { room, mover, count } = this.#options
    const block = mover.movable
    const each = block === undefined ? 0 : rowBytesOf(block)
    const deviceRows = count(rows).device
    const toRam = Math.min(deviceRows, mover.roomFor('ram', limits))
    // KV that is hardly filled moves few bytes for what it frees; weights of as many bytes stream on every sweep.
    const keepsWeights = toRam > 0 && usedShare(rows, block?.plan.cacheSpec.maxPositions ?? 1) < 0.9
    const movesCache = deviceRows > 0 && (keepsWeights || room.droppableBytes < missing)
    // Weights leave at once, and make way for the slots that KV passes through; they come back where it has left.
    const slotBytes = movesCache ? room.slotGrowthBytes : 0
    left.droppedBytes = room.pins.drop(missing + slotBytes)
    if (movesCache && block !== undefined) {
      const wanted = (): number =>
        Math.ceil((Math.max(keepsWeights ? left.droppedBytes : 0, room.lacks(limits)) + slotBytes) / each)
      left.demotedRows = await mover.move(rows, 'device', 'ram', Math.min(toRam, wanted()), {
        ...before,
        ram: limits.ram,
      })
      await block.moves.copied()
      await mover.commit(rows)
    }
    left.droppedBytes += room.dropUntilFits(limits)
    await this.#toDisk('device', () => room.lacks(limits), rows, { ...before, ram: limits.ram }, left)
    await mover.settleSlots()
    left.droppedBytes += await room.drop(0, limits)
  }

  /**
   * Moves KV to the disk until nothing is missing, a part after the other, so that tails never need more RAM than there is.
   * @throws {InfeasibleError} where no more of it can move
   */
  async #toDisk(
    from: 'device' | 'ram',
    missing: () => number,
    rows: readonly MovingRow[],
    before: MemoryLimits,
    left: Left,
  ): Promise<void> {
    const { mover } = this.#options
    const block = mover.movable
    let movedRows = 0
    while (block !== undefined && missing() > 0) {
      await mover.move(rows, from, 'disk', Math.ceil(missing() / rowBytesOf(block)), before)
      await block.moves.copied()
      const moved = await mover.commit(rows)
      movedRows += moved
      if (moved === 0) break
    }
    left.toDiskRows += movedRows
    if (missing() <= 0) return
    const why = mover.lastRefusal ?? `${Math.ceil(missing())} bytes more have nowhere to go`
    await this.#comeBack(from, movedRows, rows, before)
    throw infeasible(why)
  }

  /** Brings rows back that are on the disk in vain, as far as slots lack the room to read them there. */
  async #comeBack(
    home: 'device' | 'ram',
    count: number,
    rows: readonly MovingRow[],
    before: MemoryLimits,
  ): Promise<void> {
    const { mover, room } = this.#options
    for (let i = 0; i < count && room.lackingSlotBytes > Math.max(0, room.free(before)); i++) {
      await mover.move(rows, 'disk', home, 1, before)
      await mover.movable!.moves.copied()
      if ((await mover.commit(rows)) === 0) return
    }
  }

  /**
   * A block before it is allocated, after pins have made way: KV that has no room where it was planned goes to RAM, and to the disk.
   * @throws {InfeasibleError} where there is no room for it at all
   */
  fitBlock(plan: BlockPlan): BlockPlan {
    const { room, ramRoom, mover, parts } = this.#options
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

  #checkRam(limits: MemoryLimits, rows: readonly MovingRow[]): void {
    const { room, ramRoom, count } = this.#options
    const missing = -ramRoom.free(limits)
    const { host, streamed } = count(rows)
    this.#check(missing - this.#freedByDisk(host + streamed))
    // What is on the disk is attended on the device, through slots.
    if (missing > 0) this.#check(room.slotGrowthBytes - room.free(limits) - room.droppableBytes)
  }

  #checkRoom(missing: number, limits: MemoryLimits, rows: readonly MovingRow[]): void {
    const { room, mover, count } = this.#options
    const { device, host, streamed } = count(rows)
    const block = mover.movable
    const each = block === undefined ? 0 : rowBytesOf(block)
    if (room.isHost) {
      this.#check(missing - room.droppableBytes - this.#freedByDisk(device + host + streamed))
      return
    }
    // KV that leaves and is not attended where it comes to passes through slots.
    const leaves = missing > room.droppableBytes
    const toRam = Math.min(device, mover.roomFor('ram', limits))
    const tailBytes = mover.ramBytes(limits) - toRam * each
    const toDisk = Math.min(device - toRam, Math.max(0, Math.floor(tailBytes / (block?.store.units.pageBytes ?? 1))))
    const passes = leaves && (!mover.hostAttends || device > toRam)
    this.#check(missing + (passes ? room.slotGrowthBytes : 0) - room.droppableBytes - (toRam + toDisk) * each)
  }

  /** Bytes of RAM that so many rows leave behind when they go to the disk: the page that fills stays. */
  #freedByDisk(rows: number): number {
    const block = this.#options.mover.movable
    return block === undefined ? 0 : Math.max(0, rows * (rowBytesOf(block) - block.store.units.pageBytes))
  }

  /** @throws {InfeasibleError} where something lacks */
  #check(lacks: number): void {
    if (lacks <= 0) return
    const why = `the run holds ${Math.ceil(lacks)} bytes more that cannot move`
    this.#options.note({ what: 'refused', why })
    throw infeasible(why)
  }
}

function infeasible(why: string): InfeasibleError {
  return new InfeasibleError(`the budget cannot shrink so far: ${why}`, {
    hint: 'shrink it less, or end the run: finished results are kept',
  })
}

/** Share of what the KV of some sequences has room for that is filled. */
function usedShare(rows: readonly MovingRow[], maxPositions: number): number {
  const positions = rows.reduce((sum, { cachedPositions }) => sum + cachedPositions, 0)
  return positions / Math.max(1, rows.length * maxPositions)
}
