import type { LiveRow } from '../schedule/sweep.ts'
import type { BlockShape } from './block-plan.ts'
import type { MovingRow } from './cache-moves.ts'
import type { Sequence } from './sequence.ts'

/** Places of a block, the sequences in them, and which of them the next sweep is for. */
export class BlockPlaces {
  readonly #shape: BlockShape
  /** Sequences that have no place yet, longest prompt first; what is taken here is gone for the caller, too. */
  readonly #waiting: Sequence[]
  readonly #sequences: Sequence[]
  readonly #free: number[] = []
  /** Rows whose prompts are cached. */
  #live: LiveRow[] = []
  /** Rows whose prompts are to come. */
  #fresh: LiveRow[]
  #idleSweeps = 0

  /** @param waiting sequences behind the block: they take the places of those that end before the others */
  constructor(block: readonly Sequence[], waiting: Sequence[], shape: BlockShape) {
    this.#shape = shape
    this.#waiting = waiting
    this.#sequences = [...block]
    this.#fresh = block.map((sequence, id) => freshRow(id, sequence))
  }

  /** The sequence of a row. */
  of({ id }: Pick<LiveRow, 'id'>): Sequence {
    return this.#sequences[id]!
  }

  /** Rows of the next sweep: prompts by themselves, so that no row is padded to the length of another's prompt. */
  get rows(): readonly LiveRow[] {
    return this.#fresh.length > 0 ? this.#fresh : this.#live
  }

  /** Whether the next sweep brings prompts. */
  get isPrefill(): boolean {
    return this.#fresh.length > 0
  }

  /** Sequences with cached positions, as they stand between two sweeps. */
  get moving(): MovingRow[] {
    return this.#live.map((row) => ({ id: row.id, owner: this.of(row).index, cachedPositions: row.cachedPositions }))
  }

  /** Sweeps that will follow at most, if no sequence ends before its limit. */
  get remainingSweeps(): number {
    const left = ({ ids, maxNewTokens }: Sequence): number => maxNewTokens - ids.length
    const of = (sequences: readonly Sequence[]): number =>
      sequences.reduce((most, sequence) => Math.max(most, left(sequence)), 0)
    return of(this.rows.map((row) => this.of(row))) + of(this.#waiting)
  }

  /** Whether a sweep will follow on the next one, as far as it can be known. */
  get continues(): boolean {
    const mayGoOn = (row: LiveRow): boolean => this.of(row).ids.length + 1 < this.of(row).maxNewTokens
    return this.#waiting.length > 0 || (this.isPrefill && this.#live.length > 0) || this.rows.some(mayGoOn)
  }

  /**
   * Goes on after a sweep: frees the places of sequences that have ended, and gives them to others when that pays.
   * @returns the sequences that have ended
   */
  advance(): Sequence[] {
    const swept = this.rows
    const ended: Sequence[] = []
    const live = this.isPrefill ? this.#live : []
    this.#fresh = []
    for (const { id, newTokens, cachedPositions } of swept) {
      const sequence = this.#sequences[id]!
      if (sequence.finishReason === undefined) {
        live.push({ id, newTokens: 1, cachedPositions: cachedPositions + newTokens })
      } else {
        ended.push(sequence)
        this.#free.push(id)
      }
    }
    // In the order of the places, which is that of their homes.
    this.#live = live.toSorted((a, b) => a.id - b.id)
    if (this.#live.length > 0) this.#refill()
    return ended
  }

  /**
   * Free places whose memory nobody waits for; each is given out once. Nothing fits them any more, or nothing is left.
   */
  takeUnneeded(): number[] {
    return this.#waiting.some((sequence) => this.#fits(sequence)) ? [] : this.#free.splice(0)
  }

  /**
   * New prompts cost a sweep over all weights of their own, so free places are left idle until that has cost as much:
   * never more than twice what the best choice would have cost, whatever lengths come (ski rental). Counted in
   * sweeps, not in seconds, so that the same requests always run in the same batches.
   */
  #refill(): void {
    this.#idleSweeps += this.#free.length / this.#sequences.length
    if (this.#idleSweeps < 1) return
    for (let at = 0; at < this.#waiting.length && this.#free.length > 0;) {
      const sequence = this.#waiting[at]!
      if (!this.#fits(sequence)) {
        at += 1
        continue
      }
      this.#waiting.splice(at, 1)
      const id = this.#free.shift()!
      this.#sequences[id] = sequence
      this.#fresh.push(freshRow(id, sequence))
    }
    if (this.#fresh.length > 0) this.#idleSweeps = 0
  }

  #fits({ promptIds, maxNewTokens }: Sequence): boolean {
    const { maxPromptTokens, maxPositions } = this.#shape
    return promptIds.length <= maxPromptTokens && promptIds.length + maxNewTokens <= maxPositions
  }
}

function freshRow(id: number, { promptIds }: Sequence): LiveRow {
  return { id, newTokens: promptIds.length, cachedPositions: 0 }
}
