import { randomInt } from 'node:crypto'
import { type ErrorCode, FlexgenError, InternalError } from '@flexgen/spec'
import fc from 'fast-check'
import { startWatchdog } from './watchdog.ts'

/** How many inputs were taken, and how many were refused with an error of the project. */
export interface FuzzCounts {
  readonly accepted: number
  readonly refused: number
}

/** A parser under fuzz. */
export interface FuzzCampaign {
  readonly name: string
  /** Tries so many inputs; fails with the seed, the shortest input found and what went wrong with it. */
  run(inputCount: number): Promise<FuzzCounts>
}

/** What data from anywhere may be refused with. */
const dataCodes: ReadonlySet<ErrorCode> = new Set(['CORRUPT_DATA', 'UNSUPPORTED_DATA', 'FILE_NOT_FOUND'])

/** For one input; on a loaded machine a thousand times what is needed. */
const maxSeconds = 20
/** What one input may leave in memory, whether it is still used or not. */
const maxGrowthBytes = 96 * 2 ** 20

function isRefusal(error: unknown): boolean {
  return (
    FlexgenError.isInstance(error) &&
    dataCodes.has(error.code) &&
    error.message.length < 1000 &&
    !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(error.message) &&
    error.hint.length > 0
  )
}

function heldBytes(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/**
 * A campaign of inputs that are each either opened or refused by a data code in one line, soon and without much memory.
 * `FLEXGEN_FUZZ_SEED` and `FLEXGEN_FUZZ_PATH`, as a failure prints them, repeat a run.
 * @param open may refuse an input
 * @param use asserts what must hold for whatever was opened; nothing may be refused any more
 */
export function fuzzCampaign<Input, Opened>(
  name: string,
  inputs: fc.Arbitrary<Input>,
  open: (input: Input) => Promise<Opened>,
  use: (opened: Opened) => Promise<void>,
): FuzzCampaign {
  async function attempt(input: Input): Promise<'accepted' | 'refused'> {
    let opened: Opened
    try {
      opened = await open(input)
    } catch (error) {
      if (!isRefusal(error)) throw error
      return 'refused'
    }
    await use(opened)
    return 'accepted'
  }

  async function run(inputCount: number): Promise<FuzzCounts> {
    const { FLEXGEN_FUZZ_SEED: given, FLEXGEN_FUZZ_PATH: path } = process.env
    const seed = given === undefined ? (fc.readConfigureGlobal().seed ?? randomInt(2 ** 31)) : Number(given)
    using watchdog = startWatchdog(maxSeconds, `fuzz of ${name}: over ${maxSeconds} s, FLEXGEN_FUZZ_SEED=${seed}`)
    const counts = { accepted: 0, refused: 0 }
    const property = fc.asyncProperty(inputs, async (input) => {
      watchdog.beat()
      const before = heldBytes()
      counts[await attempt(input)]++
      const growth = heldBytes() - before
      if (growth > maxGrowthBytes) throw new InternalError(`one input took ${growth} bytes of memory`)
    })
    const replay = path === undefined ? {} : { path, endOnFailure: true }
    await fc.assert(property, { numRuns: inputCount, seed, timeout: maxSeconds * 500, ...replay })
    return counts
  }
  return { name, run }
}
