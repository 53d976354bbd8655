import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import type { Backend, Model, WeightSource } from '@flexgen/spec'
import { systemClock } from '@flexgen/spec'
import { createDiskTier, createRamTier } from '@flexgen/storage'
import {
  createEngine,
  createPolicy,
  type Engine,
  type GenerateOptions,
  type GenerationRequest,
  type GenerationResult,
  type PolicyOptions,
  type ReplacementOptions,
  type RunReport,
} from '../src/index.ts'
import { spoiledHost } from './support/spoiled-host.ts'

/** What a run in a test gives back, with what it left behind. */
export interface TestRun {
  readonly results: GenerationResult[]
  readonly report: RunReport
  /** Everything held after all was disposed; must be zero. */
  readonly leftBytes: number
  readonly leftFolders: readonly string[]
}

/** Runs some requests through a fresh engine on real tiers, disposes everything and says what is left. */
export async function runEngine(
  parts: {
    backend: Backend
    host?: Backend | undefined
    model: Model
    weights: WeightSource
    policy: PolicyOptions
    pagePositions?: number
    maxRamBytes?: number
    maxDeviceBytes?: number
    replacement?: ReplacementOptions | undefined
    /** Called after every sweep, with how many there were. */
    onSweep?: ((engine: Engine, sweeps: number) => Promise<void>) | undefined
  },
  requests: readonly GenerationRequest[],
  options: GenerateOptions,
): Promise<TestRun> {
  const offloadDir = await mkdtemp(join(tmpdir(), 'flexgen-core-'))
  const { backend } = parts
  const ram = createRamTier({
    allocateHost: spoiledHost(backend),
    freeHost: (buffer) => backend.free(buffer),
    clock: systemClock,
  })
  const disk = await createDiskTier({ offloadDir, clock: systemClock })
  try {
    const engine = await createEngine({
      backend,
      host: parts.host,
      model: parts.model,
      weights: parts.weights,
      ram,
      disk,
      policy: createPolicy(parts.policy),
      maxRamBytes: parts.maxRamBytes,
      maxDeviceBytes: parts.maxDeviceBytes,
      replacement: parts.replacement,
      ...(parts.pagePositions === undefined ? {} : { pagePositions: parts.pagePositions }),
      ...(options.logits === 'all'
        ? { workload: { sequences: 1, maxPromptTokens: 1, maxNewTokens: 1, logits: 'all' as const } }
        : {}),
    })
    try {
      const results: GenerationResult[] = []
      let sweeps = 0
      for await (const event of engine.generate(requests, options)) {
        if (event.type === 'result') results.push(event.result)
        if (event.type === 'sweep') await parts.onSweep?.(engine, ++sweeps)
      }
      const report = engine.report()
      await engine[Symbol.asyncDispose]()
      await ram[Symbol.asyncDispose]()
      await disk[Symbol.asyncDispose]()
      const leftBytes =
        [backend, ...(parts.host === undefined ? [] : [parts.host])].reduce((sum, { memory }) => {
          const { deviceBytes, hostBytes, preparedBytes } = memory()
          return sum + deviceBytes + hostBytes + preparedBytes
        }, 0) +
        ram.stats().heldBytes +
        disk.stats().heldBytes
      return { results, report, leftBytes, leftFolders: await readdir(offloadDir) }
    } finally {
      await engine[Symbol.asyncDispose]()
    }
  } finally {
    await ram[Symbol.asyncDispose]()
    await disk[Symbol.asyncDispose]()
    await rm(offloadDir, { recursive: true, force: true })
  }
}
