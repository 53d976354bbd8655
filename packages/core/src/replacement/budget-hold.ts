import { InfeasibleError, OutOfMemoryError } from '@flexgen/spec'
import type { MovingRow } from '../engine/cache-moves.ts'
import type { DeviceLimit } from '../engine/device-limit.ts'
import { rowBytesOf } from './block-cache.ts'
import type { CacheMover } from './cache-mover.ts'
import type { DeviceRoom } from './device-room.ts'
import type { MemoryLimits } from './memory-budget.ts'
import type { RamRoom } from './ram-room.ts'
import type { ReplacementStep } from './replacement-options.ts'
import type { RowCount } from './row-choice.ts'

/** What a smaller budget is held with. */
export interface BudgetHoldOptions {
  readonly room: DeviceRoom
  readonly ramRoom: RamRoom
  readonly mover: CacheMover
  readonly deviceLimit: DeviceLimit
  readonly count: (rows: readonly MovingRow[]) => RowCount
  readonly note: (step: Pick<ReplacementStep, 'what' | 'why'> & Partial<ReplacementStep>) => void
}

/** A change of the budget that is being held, and what left its home for it so far. */
interface Hold {
  readonly limits: MemoryLimits
  readonly before: MemoryLimits
  readonly rows: readonly MovingRow[]
  readonly left: { droppedBytes: number; demotedRows: number; toDiskRows: number }
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
    const { deviceLimit, room } = this.#options
    // What leaves one memory may come to another that has grown.
    deviceLimit.raise(limits.device)
    try {
      await this.#free(limits, rows, before)
      await deviceLimit.hold(limits.device)
    } catch (error) {
      deviceLimit.raise(before.device)
      // Matrices that were dropped for it stream from now on, through a ring that has room for them.
      await room.drop(0, before)
      await deviceLimit.hold(before.device)
      // The backend has the last word on what it holds.
      throw error instanceof OutOfMemoryError ? this.#refused(error.message) : error
    }
  }

  async #free(limits: MemoryLimits, rows: readonly MovingRow[], before: MemoryLimits): Promise<void> {
    const { room, ramRoom, mover, note } = this.#options
    const left = { droppedBytes: 0, demotedRows: 0, toDiskRows: 0 }
    const hold: Hold = { limits, before, rows, left }
    if (room.free(limits) < 0) await room.forgetAhead()
    if (!room.isHost) {
      this.#checkRam(limits, rows)
      mover.makeRam(0, limits)
      await this.#toDisk('ram', () => -ramRoom.free(limits), hold)
    }
    const missing = -room.free(limits)
    if (missing > 0) {
      this.#checkRoom(missing, limits, rows)
      if (room.isHost) await this.#shrinkHost(missing, hold)
      else await this.#shrinkDevice(missing, hold)
    }
    const grown = (limits.device ?? 0) > (before.device ?? 0) || (limits.ram ?? 0) > (before.ram ?? 0)
    note({ what: 'budget', why: grown ? 'it has grown' : 'it has shrunk', ...left })
  }

  /** Matrices leave first: they come back at no cost, and to read them again is as much as to read KV again. */
  async #shrinkHost(missing: number, hold: Hold): Promise<void> {
    const { room } = this.#options
    const { limits, left } = hold
    left.droppedBytes = await room.drop(missing, limits)
    await this.#toDisk('device', () => room.lacks(limits), hold)
  }

  async #shrinkDevice(missing: number, hold: Hold): Promise<void> {
    const { room, mover, count } = this.#options
    const { limits, rows, left } = hold
    const before = { ...hold.before, ram: limits.ram }
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
      left.demotedRows = await mover.move(rows, 'device', 'ram', Math.min(toRam, wanted()), before)
      await block.moves.copied()
      await mover.commit(rows)
    }
    left.droppedBytes += room.dropUntilFits(limits)
    await this.#toDisk('device', () => room.lacks(limits), { ...hold, before })
    await mover.settleSlots()
    left.droppedBytes += await room.drop(0, limits)
  }

  /**
   * Moves KV to the disk until nothing is missing, a part after the other, so that tails never need more RAM than there is.
   * @throws {InfeasibleError} where no more of it can move
   */
  async #toDisk(from: 'device' | 'ram', missing: () => number, hold: Hold): Promise<void> {
    const { mover } = this.#options
    const { rows, before, left } = hold
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
    await this.#comeBack(from, movedRows, hold)
    throw infeasible(why)
  }

  /** Brings rows back that are on the disk in vain, as far as slots lack the room to read them there. */
  async #comeBack(home: 'device' | 'ram', count: number, { rows, before }: Hold): Promise<void> {
    const { mover, room } = this.#options
    for (let i = 0; i < count && room.lackingSlotBytes > Math.max(0, room.free(before)); i++) {
      await mover.move(rows, 'disk', home, 1, before)
      await mover.movable!.moves.copied()
      if ((await mover.commit(rows)) === 0) return
    }
  }

  #checkRam(limits: MemoryLimits, rows: readonly MovingRow[]): void {
    const { room, ramRoom, mover, count } = this.#options
    const missing = -mover.ramBytes(limits) - ramRoom.idleBytes
    const { host, streamed } = count(rows)
    const stays =
      ramRoom.boundBytes > 0 ? ': weights that lie in no file stay in RAM while the device has them pinned' : ''
    this.#check(missing - this.#freedByDisk(host + streamed), stays)
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
  #check(lacks: number, because = ''): void {
    if (lacks <= 0) return
    throw this.#refused(`the run holds ${Math.ceil(lacks)} bytes more that cannot move${because}`)
  }

  #refused(why: string): InfeasibleError {
    this.#options.note({ what: 'refused', why })
    return infeasible(why)
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
