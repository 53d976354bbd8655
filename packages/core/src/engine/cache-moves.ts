import type { CachePage, CacheRow, HostBuffer, QueueEvent } from '@flexgen/spec'
import type { AttentionPlace } from './cache-lane.ts'
import type { CacheStore } from './cache-store.ts'
import type { CacheHome, CacheUnit } from './cache-units.ts'
import type { MoveQueues } from './run-resources.ts'
import type { SlotPool } from './slot-pool.ts'

/** A sequence whose KV moves, as it stands between two sweeps. */
export interface MovingRow {
  /** Its place in the block. */
  readonly id: number
  /** Which sequence is in the place: places go from one to the next. */
  readonly owner: number
  readonly cachedPositions: number
}

/** What moves are made with. */
export interface CacheMovesOptions {
  readonly store: CacheStore
  /** Queues of their own, so that what streams does not stand behind a move, nor fails with it. */
  readonly queues: MoveQueues
  readonly renewQueues: () => Promise<MoveQueues>
  /** Where pages pass through that go to the disk or come from it. */
  readonly staging: HostBuffer
  /** Whether KV that comes to the device leaves its RAM behind as a shadow, so that to go back costs what has grown. */
  readonly keepsShadows: boolean
  /** A device row that KV passes through which is on the device neither before nor after; made when it is needed first. */
  readonly scratch: () => CacheRow
}

/** What came of the moves that were under way. */
export interface CommittedMoves {
  /** Homes that units have come to. */
  readonly flipped: readonly CacheHome['home'][]
  /** What a copy failed with; then all that was still under way is given up. */
  readonly failure: unknown
}

interface Move {
  readonly cacheLayer: number
  readonly row: MovingRow
  readonly from: CacheUnit
  readonly to: CacheUnit
  /** Positions that are copied once `ends` have ended. */
  positions: number
  ends: readonly QueueEvent[]
}

/**
 * KV that changes its home while it is in use. Positions that are cached never change, so a copy of them is made beside
 * the sweep that goes on reading the original; between two sweeps what has been added since is copied too, the unit
 * flips, and the original is freed after that. Until then a move can be given up at any moment and nothing is lost.
 */
export class CacheMoves {
  readonly #options: CacheMovesOptions
  #queues: MoveQueues
  #pages: SlotPool<CachePage>
  #moves: Move[] = []
  #scratch: { readonly row: CacheRow; after: QueueEvent | undefined } | undefined

  constructor(options: CacheMovesOptions) {
    this.#options = options
    this.#queues = options.queues
    this.#pages = options.store.units.createPages(options.staging)
  }

  /** Whether there is a device row that KV passes through which is on the device neither before nor after. */
  get hasScratch(): boolean {
    return this.#scratch !== undefined
  }

  /** Makes that row. @throws {FlexgenError} `OUT_OF_MEMORY` */
  makeScratch(): void {
    this.#scratch ??= { row: this.#options.scratch(), after: undefined }
  }

  isMoving(cacheLayer: number, id: number): boolean {
    return this.#moves.some((move) => move.cacheLayer === cacheLayer && move.row.id === id)
  }

  /**
   * Begins to copy a unit to another home; between two sweeps only.
   * @returns positions that are copied: less than there are where RAM still has a part of them
   * @throws {FlexgenError} where the new home has no room; then the unit stays
   */
  async begin(cacheLayer: number, row: MovingRow, { home, attends }: CacheHome): Promise<number> {
    const { store } = this.#options
    const from = store.unitAt(cacheLayer, row.id)!
    const to: CacheUnit = home === 'device' ? store.units.allocateSideBySide(1)[0]! : { home, attends, inPlace: {} }
    try {
      const shadowed = store.units.takeShadow(from, to, row.owner)
      if (home !== 'device' && shadowed === undefined) await store.units.allocate(to)
      const move: Move = { cacheLayer, row, from, to, positions: shadowed ?? 0, ends: [] }
      this.#copy(move, row.cachedPositions)
      this.#moves.push(move)
      return row.cachedPositions - (shadowed ?? 0)
    } catch (error) {
      store.units.free(to)
      throw error
    }
  }

  /** Settles once all copies that are under way have ended, well or not. */
  async copied(): Promise<void> {
    for (const { ends } of this.#moves) await ended(ends)
  }

  /**
   * Flips what has been copied; between two sweeps only. What was left by its sequence meanwhile is given up.
   * @param rows the sequences that live now
   */
  async commit(rows: readonly MovingRow[]): Promise<CommittedMoves> {
    const flipped: CacheHome['home'][] = []
    let failure: unknown
    const open = this.#moves
    this.#moves = []
    for (const move of open) {
      const now = this.#stillThere(move, rows)
      failure ??= failureOf(move)
      if (now === undefined || failure !== undefined) this.#drop(move)
      else if (!move.ends.every((event) => event.isDone())) this.#moves.push(move)
      else {
        failure = await this.#flip(move, now)
        if (failure === undefined) flipped.push(move.to.home)
      }
    }
    if (failure !== undefined) await this.#startOver()
    return { flipped, failure }
  }

  /** The sequence of a move as it stands now; undefined where it has ended, or its unit is another one. */
  #stillThere({ cacheLayer, row, from }: Move, rows: readonly MovingRow[]): MovingRow | undefined {
    const now = rows.find(({ id }) => id === row.id)
    return now?.owner === row.owner && this.#options.store.unitAt(cacheLayer, row.id) === from ? now : undefined
  }

  /** Copies what has been added and puts the copy in the original's place. @returns what the copy failed with */
  async #flip(move: Move, { cachedPositions }: MovingRow): Promise<unknown> {
    const { cacheLayer, row, from, to } = move
    this.#copy(move, cachedPositions)
    // A disk may be full at any page: the original is there until all has arrived.
    if (to.home === 'disk') await ended(move.ends)
    const failure = failureOf(move)
    if (failure !== undefined) {
      this.#drop(move)
      return failure
    }
    const { store, keepsShadows } = this.#options
    if (keepsShadows) store.units.keepShadow(from, to, row.owner, cachedPositions)
    store.replace(cacheLayer, row.id, to, move.ends)
    return undefined
  }

  /** Gives up all moves that are under way. */
  abort(): void {
    for (const move of this.#moves.splice(0)) this.#drop(move)
  }

  /** After a failure: nothing of it is waited for any more. */
  async #startOver(): Promise<void> {
    this.abort()
    this.#queues = await this.#options.renewQueues()
    this.#pages = this.#options.store.units.createPages(this.#options.staging)
    if (this.#scratch !== undefined) this.#scratch.after = undefined
  }

  #drop({ to, ends }: Move): void {
    this.#options.store.units.free(to, ...ends)
  }

  /** Queues the copy of all positions up to `end` that are not copied yet. */
  #copy(move: Move, end: number): void {
    const { from, to, positions } = move
    if (end === positions) return
    const { units } = this.#options.store
    const { in: loadQueue, out: storeQueue, read: readQueue, write: writeQueue } = this.#queues
    const range = { cachedPositions: positions, newTokens: end - positions }
    const lane = { loadQueue, storeQueue, pageLane: { readQueue, writeQueue, pages: this.#pages } }
    const target = to.inPlace.device
    const source = from.inPlace.device
    // Into a row that a backend reads: from the pages where it rests, also where they are a row for it, too.
    if (target !== undefined && (source === undefined || to.home === 'device')) {
      to.stored = units.loadRow(from, target, end, lane, positions)!
    } else if (source !== undefined) {
      if (from.stored !== undefined) storeQueue.wait(from.stored)
      units.store(to, source, range, lane)
    } else {
      this.makeScratch()
      const scratch = this.#scratch!
      if (scratch.after !== undefined) loadQueue.wait(scratch.after)
      storeQueue.wait(units.loadRow(from, scratch.row, end, lane, positions)!)
      scratch.after = units.store(to, scratch.row, range, lane)
    }
    move.ends = [to.stored, to.written].filter((event) => event !== undefined)
    from.copied = to.stored!
    move.positions = end
  }
}

async function ended(events: readonly QueueEvent[]): Promise<void> {
  // What went wrong is in the event.
  for (const event of events) await event.whenDone().catch(() => undefined)
}

function failureOf({ ends }: Move): unknown {
  return ends.find(({ error }) => error !== undefined)?.error
}

/** Where KV of a home is attended: on the host where there is one that attends, and it rests in RAM. */
export function attendsAt(home: CacheHome['home'], hostAttends: boolean): AttentionPlace {
  return hostAttends && home === 'ram' ? 'host' : 'device'
}
