import { createHostBuffer } from '@flexgen/conformance'
import { type HostBuffer, systemClock } from '@flexgen/spec'
import { createDiskTier, createRamTier, type DiskTier, type DiskTierOptions, type RamTier } from '../../src/index.ts'

/** A disk tier with what a test wants to differ. */
export function makeDiskTier(offloadDir: string, change: Partial<DiskTierOptions> = {}): Promise<DiskTier> {
  return createDiskTier({ offloadDir, clock: systemClock, ...change })
}

/** A RAM tier on ordinary memory. */
export function makeRamTier(budgetBytes?: number): RamTier {
  return createRamTier({
    allocateHost: createHostBuffer,
    freeHost: () => {},
    clock: systemClock,
    ...(budgetBytes === undefined ? {} : { budgetBytes }),
  })
}

/** A host buffer with bytes of a pattern that differs at every block and for every seed. */
export function patterned(byteLength: number, seed: number): HostBuffer {
  const bytes = new Uint8Array(byteLength)
  let state = (seed + 1) >>> 0
  for (let i = 0; i < byteLength; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[i] = state >>> 24
  }
  return { byteLength, bytes }
}
