import { type Backend, systemClock } from '@flexgen/spec'
import { createDiskTier, createRamTier } from '@flexgen/storage'
import { expandHome } from '../model/expand-home.ts'
import { defaultOffloadDir } from './default-offload-dir.ts'
import type { EngineMachine } from './engine-machine.ts'
import type { CreateEngineOptions } from './engine-options.ts'
import type { ResourceStack } from './resource-stack.ts'

/** Budgets of the tiers in bytes; no limit where absent. */
export interface TierBudgets {
  readonly maxRamBytes: number | undefined
  readonly maxDiskBytes: number | undefined
}

/** Makes the tiers of this machine; what is made is in the stack, also after a failure. */
export async function openTiers(
  { offloadDir, direct, fileSystem }: CreateEngineOptions,
  backend: Backend,
  { maxRamBytes, maxDiskBytes }: TierBudgets,
  owned: ResourceStack,
): Promise<EngineMachine> {
  const ram = owned.use(
    createRamTier({
      // Of a region nothing is read that was not written.
      allocateHost: (byteLength) => backend.allocateHost(byteLength, 'any'),
      freeHost: (buffer) => backend.free(buffer),
      clock: systemClock,
      ...(maxRamBytes !== undefined && { budgetBytes: maxRamBytes }),
    }),
  )
  const disk = owned.use(
    await createDiskTier({
      offloadDir: expandHome(offloadDir ?? defaultOffloadDir()),
      clock: systemClock,
      direct: direct ?? false,
      ...(fileSystem !== undefined && { fileSystem }),
      ...(maxDiskBytes !== undefined && { budgetBytes: maxDiskBytes }),
    }),
  )
  return { clock: systemClock, ram, disk }
}
