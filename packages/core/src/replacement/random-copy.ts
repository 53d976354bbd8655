import { cachePageBytes, type TierPercent } from '@flexgen/spec'
import { attendsAt, type MovingRow } from '../engine/cache-moves.ts'
import { placeRows } from '../placement/place-rows.ts'
import { keyedUniform } from '../sampling/uniform.ts'
import type { MovableCache } from './block-cache.ts'
import { walkPercent } from './random-walk.ts'
import type { ReplacementOptions } from './replacement-options.ts'

/** What the fork's way made of a moment between two sweeps. */
export interface RandomCopyStep {
  readonly percent: TierPercent
  readonly movedBytes: number
  /** What it was cut short by. */
  readonly failure: unknown
}

/** The fork's way: new percents, and all KV copied to them, one unit after the other. A baseline, and slow. */
export class RandomCopy {
  readonly #options: ReplacementOptions
  readonly #hostAttends: boolean
  #percent: TierPercent

  constructor(options: ReplacementOptions, percent: TierPercent, hostAttends: boolean) {
    this.#options = options
    this.#percent = percent
    this.#hostAttends = hostAttends
  }

  /** Copies everything, if its time has come: after every sweep, after about every other, or once. */
  async run(
    { plan, store, moves }: MovableCache,
    rows: readonly MovingRow[],
    sweep: number,
  ): Promise<RandomCopyStep | undefined> {
    const { timing, seed = 0 } = this.#options
    let draws = 0
    const next = (): number => keyedUniform(seed, sweep, draws++)
    if (rows.length === 0) return undefined
    if (timing === 1 ? sweep > 1 : timing === 3 && next() < 0.5) return undefined
    this.#percent = walkPercent(this.#percent, next)
    const homes = placeRows(this.#percent)
    let movedBytes = 0
    for (let cacheLayer = 0; cacheLayer < store.layers; cacheLayer++) {
      for (const row of rows) {
        const home = homes.next().value
        // What stays on the device would be copied within it.
        if (home === 'device' && store.unitAt(cacheLayer, row.id)?.home === 'device') continue
        await moves.begin(cacheLayer, row, { home, attends: attendsAt(home, this.#hostAttends) })
        await moves.copied()
        const { failure } = await moves.commit(rows)
        if (failure !== undefined) return { percent: this.#percent, movedBytes, failure }
        movedBytes += cachePageBytes(plan.cacheSpec, row.cachedPositions)
      }
    }
    return { percent: this.#percent, movedBytes, failure: undefined }
  }
}
