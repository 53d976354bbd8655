import { cachePageBytes, FlexgenError, OutOfMemoryError } from '@flexgen/spec'
import type { AttentionPlace } from '../engine/cache-lane.ts'
import { attendsAt, type MovingRow } from '../engine/cache-moves.ts'
import type { LoadedParts } from '../engine/loaded-parts.ts'
import type { RowHome } from '../placement/place-rows.ts'
import { type BlockCache, isMovable, type MovableCache, rowBytesOf } from './block-cache.ts'
import type { DeviceRoom } from './device-room.ts'
import type { MemoryLimits } from './memory-budget.ts'
import type { RamRoom } from './ram-room.ts'
import { chooseRows, type MovableUnit, type RowClass } from './row-choice.ts'

/** What moves are made within. */
export interface CacheMoverOptions {
  readonly parts: LoadedParts
  readonly room: DeviceRoom
  readonly ramRoom: RamRoom
  /** Told why something could not move. */
  readonly onRefusal: (why: string) => void
}

/** What a new home may fail with; the run goes on without the move. */
const refusals: ReadonlySet<string> = new Set(['OUT_OF_MEMORY', 'OUT_OF_DISK', 'NOT_WRITABLE'])

/** Where KV comes to, by where it is: the device has the front of a batch, so what leaves it leaves from the end. */
const classesOf: Readonly<Record<'device' | 'ram' | 'disk', readonly RowClass[]>> = {
  device: ['device'],
  ram: ['host', 'streamed'],
  disk: ['disk'],
}

/** Moves the KV of a block between its homes, as far as there is room. */
export class CacheMover {
  readonly #options: CacheMoverOptions
  #block: BlockCache | undefined
  #movedBytes = 0
  /** What is attended elsewhere since the last shift. */
  #shifted: { readonly place: AttentionPlace; readonly units: readonly MovableUnit[] } | undefined
  #refusal: string | undefined

  constructor(options: CacheMoverOptions) {
    this.#options = options
  }

  /** The KV of a block is there, or no more. */
  setBlock(block: BlockCache | undefined): void {
    this.#block = block
    this.#shifted = undefined
  }

  /** The block's KV, where it may move. */
  get movable(): MovableCache | undefined {
    return isMovable(this.#block) ? this.#block : undefined
  }

  /** Whether KV in RAM may be attended there. */
  get hostAttends(): boolean {
    return this.#options.parts.attentionHost !== undefined
  }

  /** Bytes of KV that were copied. */
  get movedBytes(): number {
    return this.#movedBytes
  }

  /** Why KV could not move the last time that it could not. */
  get lastRefusal(): string | undefined {
    return this.#refusal
  }

  /** Attends rows in RAM elsewhere from the next sweep on. @returns how many */
  async attend(rows: readonly MovingRow[], place: AttentionPlace, count: number): Promise<number> {
    const { parts, room } = this.#options
    const block = this.movable
    if (room.isHost || block === undefined || count <= 0) return 0
    if (place === 'host' && parts.attentionHost === undefined) return 0
    const { gpuBatchSize } = parts.options.policy
    const chosen = chooseRows(block.store, block.moves, rows, {
      from: [place === 'host' ? 'streamed' : 'host'],
      count,
      fromEnd: place === 'host',
      gpuBatchSize,
    })
    if (place === 'device' && chosen.length > 0 && !(await room.makeSlots())) return 0
    for (const { unit } of chosen) block.store.attendAt(unit, place)
    this.#shifted = { place, units: chosen }
    return chosen.length
  }

  /** Attends what the last shift took elsewhere where it was before: others in its stead would leave layers unlike. @returns how many */
  takeBack(): number {
    const [block, shifted] = [this.movable, this.#shifted]
    this.#shifted = undefined
    if (block === undefined || shifted === undefined) return 0
    const there = shifted.units.filter(
      ({ cacheLayer, row, unit }) => block.store.unitAt(cacheLayer, row.id) === unit && unit.attends === shifted.place,
    )
    for (const { unit } of there) block.store.attendAt(unit, shifted.place === 'host' ? 'device' : 'host')
    return there.length
  }

  /**
   * Begins to move KV; ends early where the new home has no room.
   * @param limits within which the new home must have room; whoever gives them has seen to the slots
   * @returns units that are under way
   */
  async move(
    rows: readonly MovingRow[],
    from: RowHome,
    home: RowHome,
    count: number,
    limits?: MemoryLimits,
  ): Promise<number> {
    const block = this.movable
    if (block === undefined || count <= 0) return 0
    const { parts, room } = this.#options
    // Where device and RAM are one memory, KV on either is in the other.
    if (room.isHost && from !== 'disk' && home !== 'disk') return 0
    const classes = room.isHost && from !== 'disk' ? [...classesOf.device, ...classesOf.ram] : classesOf[from]
    const attends = attendsAt(home, this.hostAttends)
    let begun = 0
    if (limits === undefined && !(await this.#findsSlots(home))) return 0
    const within = limits ?? parts.budget.limits
    if (from !== 'device' && home !== 'device' && !(await room.makeScratch(within))) {
      this.refuse(new OutOfMemoryError('there is no room for the row that KV between RAM and the disk passes through'))
      return 0
    }
    for (const { cacheLayer, row, unit } of chooseRows(block.store, block.moves, rows, {
      from: classes,
      count: Math.min(count, this.roomFor(home, within, from, limits !== undefined)),
      fromEnd: home !== 'device',
      gpuBatchSize: parts.options.policy.gpuBatchSize,
    })) {
      let positions: number
      try {
        if (home === 'ram' && unit.shadow === undefined) this.makeRam(rowBytesOf(block), within)
        positions = await block.moves.begin(cacheLayer, row, { home, attends })
      } catch (error) {
        if (!FlexgenError.isInstance(error) || !refusals.has(error.code)) throw error
        this.refuse(error)
        break
      }
      begun += 1
      this.#movedBytes += cachePageBytes(block.plan.cacheSpec, positions)
    }
    return begun
  }

  /** Whether KV that leaves for a home finds slots on its way to where it is attended. */
  async #findsSlots(home: RowHome): Promise<boolean> {
    const { room } = this.#options
    const needsSlots = home === 'disk' || (home === 'ram' && !this.hostAttends)
    if (!needsSlots || (await room.makeSlots(true))) return true
    this.refuse(new OutOfMemoryError('there is no room for the slots that KV off the device passes through'))
    return false
  }

  /** Units that a home has room for under some limits; of those on disk the tail in RAM counts, and one tail is planned for. */
  roomFor(home: RowHome, limits: MemoryLimits, from: RowHome = 'device', isAtOnce = false): number {
    const block = this.movable
    if (block === undefined) return 0
    const { parts, room, ramRoom } = this.#options
    const { units } = block.store
    const ramBytes = room.isHost ? room.free(limits) : this.ramBytes(limits)
    // Within limits that shrink pins may leave, which read the copies behind them.
    const idleBytes = home === 'ram' && !room.isHost && !isAtOnce ? ramRoom.idleBytes : 0
    if (home === 'disk') {
      const { disk, maxDiskBytes = Number.POSITIVE_INFINITY } = parts.options
      const onDisk = Math.floor((maxDiskBytes - disk.stats().heldBytes) / Math.max(1, units.diskRowBytes))
      const tails = Math.floor(ramBytes / units.pageBytes)
      // One tail is planned for: between two sweeps a row leaves more RAM than it takes, where it was there.
      const leavesRam = from !== 'device' || room.isHost
      const spare = isAtOnce && leavesRam && units.pageBytes < rowBytesOf(block) ? 1 : 0
      return Math.min(onDisk, Math.max(spare, tails))
    }
    const tail = isAtOnce && from === 'disk' && (home === 'ram' || room.isHost) ? units.pageBytes : 0
    const free = (home === 'ram' ? ramBytes + idleBytes : room.free(limits)) + tail
    return Math.max(0, Math.floor(free / rowBytesOf(block)))
  }

  /** Bytes of RAM beside a device that KV could have, shadows included. */
  ramBytes(limits: MemoryLimits): number {
    return this.#options.ramRoom.free(limits) + (this.movable?.store.units.shadowBytes ?? 0)
  }

  /** Has so many bytes of RAM free beside a device, as far as shadows and copies of weights that nobody reads take them. */
  makeRam(sizeBytes: number, limits: MemoryLimits): void {
    const { ramRoom } = this.#options
    this.movable?.store.units.dropShadows(sizeBytes - ramRoom.free(limits))
    ramRoom.dropIdle(sizeBytes - ramRoom.free(limits))
  }

  /** Counts what others have moved. */
  addMoved(sizeBytes: number): void {
    this.#movedBytes += sizeBytes
  }

  /** Says that something could not move. */
  refuse(error: unknown): void {
    this.#refusal = error instanceof Error ? error.message : String(error)
    this.#options.onRefusal(this.#refusal)
  }

  /**
   * Flips what has been copied; what failed stays where it was.
   * @returns how many units have another home now
   */
  async commit(rows: readonly MovingRow[]): Promise<number> {
    const { flipped, failure } = (await this.#block?.moves?.commit(rows)) ?? { flipped: [], failure: undefined }
    if (failure !== undefined) this.refuse(failure)
    return flipped.length
  }

  /** KV that has left and is attended on the device passes through slots there from now on. */
  async settleSlots(): Promise<void> {
    const needed = this.#block?.store.slotRowsNeeded ?? 0
    if (needed === 0 || (await this.#options.room.makeSlots())) return
    throw new OutOfMemoryError('no memory for the slots that KV off the device passes through')
  }
}
