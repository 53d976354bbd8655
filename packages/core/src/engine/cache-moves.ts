import type { CacheRow, Queue, QueueEvent } from '@flexgen/spec'
import type { AttentionPlace } from './cache-lane.ts'
import type { CacheStore } from './cache-store.ts'
import type { CacheHome, CacheUnit } from './cache-units.ts'

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
  /** To the device and away from it; queues of their own, so that what streams does not stand behind a move. */
  readonly inQueue: Queue
  readonly outQueue: Queue
  /** A device row that KV passes through which is on the device neither before nor after; made when it is needed first. */
  readonly scratch: () => CacheRow
}

interface Move {
  readonly cacheLayer: number
  readonly row: MovingRow
  readonly from: CacheUnit
  readonly to: CacheUnit
  /** Positions that are copied once `copied` has ended. */
  positions: number
  copied: QueueEvent | undefined
}

/**
 * KV that changes its home while it is in use. Positions that are cached never change, so a copy of them is made beside
 * the sweep that goes on reading the original; between two sweeps what has been added since is copied too, the unit
 * flips, and the original is freed after that. Until then a move can be given up at any moment and nothing is lost.
 */
export class CacheMoves {
  readonly #options: CacheMovesOptions
  #moves: Move[] = []
  #scratch: { readonly row: CacheRow; after: QueueEvent | undefined } | undefined

  constructor(options: CacheMovesOptions) {
    this.#options = options
  }

  isMoving(cacheLayer: number, id: number): boolean {
    return this.#moves.some((move) => move.cacheLayer === cacheLayer && move.row.id === id)
  }

  /**
   * Begins to copy a unit to another home; between two sweeps only.
   * @throws {FlexgenError} where the new home has no room; then the unit stays
   */
  async begin(cacheLayer: number, row: MovingRow, { home, attends }: CacheHome): Promise<void> {
    const { store } = this.#options
    const from = store.unitAt(cacheLayer, row.id)!
    const to: CacheUnit = home === 'device' ? store.units.allocateSideBySide(1)[0]! : { home, attends, inPlace: {} }
    try {
      if (home !== 'device') await store.units.allocate(to)
      const move: Move = { cacheLayer, row, from, to, positions: 0, copied: undefined }
      this.#copy(move, row.cachedPositions)
      this.#moves.push(move)
    } catch (error) {
      store.units.free(to)
      throw error
    }
  }

  /** Settles once all copies that are under way have ended. */
  async copied(): Promise<void> {
    for (const { copied } of this.#moves) await copied?.whenDone()
  }

  /**
   * Flips what has been copied; between two sweeps only. What was left by its sequence meanwhile is given up.
   * @param rows the sequences that live now
   * @returns homes that units have come to
   */
  commit(rows: readonly MovingRow[]): CacheHome['home'][] {
    const { store } = this.#options
    const flipped: CacheHome['home'][] = []
    this.#moves = this.#moves.filter((move) => {
      const { cacheLayer, row, from, to, copied } = move
      const now = rows.find(({ id }) => id === row.id)
      if (now?.owner !== row.owner || store.unitAt(cacheLayer, row.id) !== from || copied?.error !== undefined) {
        this.#drop(move)
        return false
      }
      if (copied?.isDone() === false) return true
      this.#copy(move, now.cachedPositions)
      store.replace(cacheLayer, row.id, to, move.copied)
      flipped.push(to.home)
      return false
    })
    return flipped
  }

  /** Gives up all moves that are under way. */
  abort(): void {
    for (const move of this.#moves.splice(0)) this.#drop(move)
  }

  #drop({ to, copied }: Move): void {
    this.#options.store.units.free(to, ...(copied === undefined ? [] : [copied]))
  }

  /** Queues the copy of all positions up to `end` that are not copied yet. */
  #copy(move: Move, end: number): void {
    const { from, to, positions } = move
    if (end === positions) return
    const { store, inQueue, outQueue } = this.#options
    const range = { cachedPositions: positions, newTokens: end - positions }
    const lanes = { loadQueue: inQueue, storeQueue: outQueue }
    const target = to.inPlace.device
    const source = from.inPlace.device
    // Into a row that a backend reads: from the pages where it rests, also where they are a row for it, too.
    if (target !== undefined && (source === undefined || to.home === 'device')) {
      to.stored = store.units.loadRow(from, target, end, lanes, positions)!
    } else if (source !== undefined) {
      if (from.stored !== undefined) outQueue.wait(from.stored)
      store.units.store(to, source, range, lanes)
    } else {
      const scratch = (this.#scratch ??= { row: this.#options.scratch(), after: undefined })
      if (scratch.after !== undefined) inQueue.wait(scratch.after)
      outQueue.wait(store.units.loadRow(from, scratch.row, end, lanes, positions)!)
      scratch.after = store.units.store(to, scratch.row, range, lanes)
    }
    move.copied = to.stored
    from.copied = to.stored!
    move.positions = end
  }
}

/** Where KV of a home is attended: on the host where there is one that attends, and it rests in RAM. */
export function attendsAt(home: CacheHome['home'], hostAttends: boolean): AttentionPlace {
  return hostAttends && home === 'ram' ? 'host' : 'device'
}
