import { setImmediate } from 'node:timers/promises'
import type { Clock } from '@flexgen/spec'

/** A hop to another thread and back costs 40 us; work of about that length is done at once. */
const shortUs = 100
/** How long short runs may follow each other before the event loop gets its turn. */
const longestStretchMs = 4

/** Decides what stays on this thread, so that timers, signals and reads never wait long. */
export interface LoopBudget {
  /** Whether a run of this length may be done at once. */
  mayBlock(estimateUs: number): boolean
  /** Does work that keeps the loop, at once or after the loop's turn where that is due. */
  takeTurn(work: () => void | Promise<void>): void | Promise<void>
  /** Says that the event loop has had its turn. */
  turned(): void
}

/** Makes a `LoopBudget`. */
export function createLoopBudget(clock: Clock): LoopBudget {
  let turnedAtMs = clock.now()
  const turned = (): void => void (turnedAtMs = clock.now())
  const isDue = (): boolean => clock.now() - turnedAtMs >= longestStretchMs
  return {
    mayBlock: (estimateUs) => estimateUs < shortUs && !isDue(),
    takeTurn(work) {
      if (!isDue()) return work()
      return setImmediate().then(() => {
        turned()
        return work()
      })
    },
    turned,
  }
}

/** Rough time of work that reads so many bytes and multiplies so often, on two cores. */
export function estimateUs(readBytes: number, multiplications: number): number {
  return Math.max(readBytes / 10e3, multiplications / 25e3)
}
