import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openCheckpoint } from '@flexgen/checkpoint'
import { createOptModel } from '@flexgen/opt'
import { type FixtureName, loadFixture, type OptFixture } from '@flexgen/opt-fixtures'
import { type Backend, type FileSystem, type Model, systemClock, type Tier, type WeightSource } from '@flexgen/spec'
import { createDiskTier, createRamTier } from '@flexgen/storage'
import { createEngine, createPolicy, type Engine, type EngineOptions, type PolicyOptions } from '../../src/index.ts'
import { spoiledHost } from './spoiled-host.ts'

/** A checkpoint of the fixtures, opened, with its model. */
export interface OpenedFixture extends AsyncDisposable {
  readonly fixture: OptFixture
  readonly weights: WeightSource
  readonly model: Model
}

/** Opens a fixture's checkpoint. */
export async function openFixture(name: FixtureName = 'pre-norm'): Promise<OpenedFixture> {
  const fixture = loadFixture(name)
  const weights = await openCheckpoint(fixture.folder)
  const model = createOptModel(fixture.config, { tensorNames: weights.tensors.keys() })
  return { fixture, weights, model, [Symbol.asyncDispose]: () => weights[Symbol.asyncDispose]() }
}

/** What a bench is made from: an engine's options with real tiers in their place. */
export interface BenchParts extends Omit<EngineOptions, 'ram' | 'disk' | 'policy'> {
  readonly policy: PolicyOptions
  /** Of the disk tier; the machine's by default. */
  readonly fileSystem?: FileSystem
}

/** Real tiers in a folder of their own around one backend, on which engines are made. */
export interface Bench extends AsyncDisposable {
  readonly ram: Tier
  readonly disk: Tier
  createEngine(): Promise<Engine>
  /** Everything that backend and tiers say they hold. */
  heldBytes(): number
  /** Removes the tiers and says what is left in the offload folder. */
  close(): Promise<readonly string[]>
}

/** Makes a bench. */
export async function openBench(parts: BenchParts): Promise<Bench> {
  const { backend, policy, fileSystem, ...options } = parts
  const offloadDir = await mkdtemp(join(tmpdir(), 'flexgen-core-'))
  const ram = createRamTier({
    allocateHost: spoiledHost(backend),
    freeHost: (buffer) => backend.free(buffer),
    clock: systemClock,
  })
  const disk = await createDiskTier({ offloadDir, clock: systemClock, ...(fileSystem && { fileSystem }) })
  const close = async (): Promise<readonly string[]> => {
    await disk[Symbol.asyncDispose]()
    await ram[Symbol.asyncDispose]()
    return readdir(offloadDir)
  }
  return {
    ram,
    disk,
    createEngine: () => createEngine({ ...options, backend, ram, disk, policy: createPolicy(policy) }),
    heldBytes: () => heldBytesOf(backend) + ram.stats().heldBytes + disk.stats().heldBytes,
    close,
    async [Symbol.asyncDispose]() {
      await close()
      await rm(offloadDir, { recursive: true, force: true })
    },
  }
}

function heldBytesOf(backend: Backend): number {
  const { deviceBytes, hostBytes, preparedBytes } = backend.memory()
  return deviceBytes + hostBytes + preparedBytes
}
