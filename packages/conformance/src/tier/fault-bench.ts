import assert from 'node:assert/strict'
import { type HostBuffer, nodeFileSystem, type Region, spanOf, type Tier } from '@flexgen/spec'
import { createFaultyFileSystem, type Fault, type FaultyFileSystem } from '../files/faulty-file-system.ts'
import { assertBytes } from '../kit/assert-bytes.ts'
import { randomBytes } from '../kit/random.ts'
import type { TierContext } from './describe-tier.ts'

/** Bytes of the regions: no multiple of any block. */
export const faultRegionBytes = 50_021

/** A tier on a file system with faults, which meet it while they are armed. */
export interface FaultBench {
  readonly tier: Tier
  readonly files: FaultyFileSystem
  readonly arm: () => void
  readonly disarm: () => void
  /** Host memory with random bytes. */
  readonly filled: (seed: number) => HostBuffer
  /** Asserts that a region holds these bytes. */
  readonly assertHolds: (region: Region, expected: Uint8Array) => Promise<void>
}

/**
 * Registers a test of a tier with faults; afterwards no file is open, nothing is held and nothing is left.
 * @param mustMeet whether the faults have to be met, as they are by every tier on files. Default true
 */
export type FaultTest = (
  title: string,
  faults: readonly Fault[],
  body: (bench: FaultBench) => Promise<void>,
  mustMeet?: boolean,
) => void

/** Makes the function that registers tests with faults. */
export function faultTests(
  { kit, allocateHost }: TierContext,
  createOn: NonNullable<TierContext['kit']['createOn']>,
): FaultTest {
  return (title, faults, body, mustMeet = true) =>
    void kit.it(title, async () => {
      let isArmed = false
      const armed = faults.map((fault) => ({ ...fault, when: () => isArmed }))
      const files = createFaultyFileSystem(nodeFileSystem, { faults: armed })
      const tier = await createOn(files)
      try {
        await body({
          tier,
          files,
          arm: () => void (isArmed = true),
          disarm: () => void (isArmed = false),
          filled: (seed) => {
            const buffer = allocateHost(faultRegionBytes)
            buffer.bytes.set(randomBytes(seed, faultRegionBytes))
            return buffer
          },
          assertHolds: async (region, expected) => {
            const target = allocateHost(expected.byteLength)
            await tier.createQueue('read back').read(spanOf(target), region, 0).whenDone()
            assertBytes(target.bytes, expected, 'what was read back')
          },
        })
      } finally {
        isArmed = false
        await tier[Symbol.asyncDispose]()
      }
      assert.ok(!mustMeet || files.injectedCount() > 0, 'no fault met the tier')
      assert.equal(files.openCount(), 0, 'files that are still open')
      assert.equal(tier.stats().heldBytes, 0)
      if (kit.leftovers !== undefined) assert.deepEqual(await kit.leftovers(), [])
    })
}
