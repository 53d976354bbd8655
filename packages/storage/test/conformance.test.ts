import { readdir } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { createReferenceBackend } from '@flexgen/backend-reference'
import { describeTier } from '@flexgen/conformance'
import { systemClock } from '@flexgen/spec'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { createRamTier } from '../src/index.ts'
import { makeDiskTier, makeRamTier } from './support/tiers.ts'
import { tempFolder } from './support/temp-folder.ts'

let folder: Awaited<ReturnType<typeof tempFolder>>
beforeAll(async () => void (folder = await tempFolder()))
afterAll(() => folder[Symbol.asyncDispose]())

let made = 0
const nextFolder = (): string => join(folder.path, `offload-${++made}`)
/** Anything inside one of the offload directories. */
const leftovers = async (): Promise<string[]> =>
  (await readdir(folder.path, { recursive: true })).filter((name) => name.includes(sep))

describeTier('createRamTier', async () => makeRamTier(), { describe, it })
const backend = createReferenceBackend()
afterAll(() => backend[Symbol.asyncDispose]())
describeTier(
  'createRamTier on the memory of a backend',
  async () =>
    createRamTier({
      allocateHost: (byteLength) => backend.allocateHost(byteLength),
      freeHost: (buffer) => backend.free(buffer),
      clock: systemClock,
      budgetBytes: 10 ** 9,
    }),
  { describe, it, allocateHost: (byteLength) => backend.allocateHost(byteLength) },
)
describeTier('createDiskTier', () => makeDiskTier(nextFolder()), {
  describe,
  it,
  leftovers,
  createOn: (fileSystem) => makeDiskTier(nextFolder(), { fileSystem }),
})
describeTier('createDiskTier with one lane', () => makeDiskTier(nextFolder(), { lanes: 1 }), {
  describe,
  it,
  leftovers,
})
describeTier('createDiskTier with direct reads', () => makeDiskTier(nextFolder(), { direct: true }), {
  describe,
  it,
  leftovers,
  maxRegionBytes: 300_000,
})
