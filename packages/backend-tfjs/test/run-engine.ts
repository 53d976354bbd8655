import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createEngine,
  createPolicy,
  type GenerateOptions,
  type GenerationRequest,
  type GenerationResult,
  type PolicyOptions,
  type RunReport,
} from '@flexgen/core'
import { type Backend, type Model, systemClock, type WeightSource } from '@flexgen/spec'
import { createDiskTier, createRamTier } from '@flexgen/storage'

/** What a model of a few KB holds beyond its plan: buffers of whole pages, first steps of a WebAssembly memory. */
export const roundingBytes: number = 2 ** 20

/** What a run gives back, with what it left behind. */
export interface TestRun {
  readonly results: GenerationResult[]
  readonly report: RunReport
  /** Held by the backend and the tiers after the engine was disposed; must be zero. */
  readonly leftBytes: number
  readonly leftFolders: readonly string[]
}

/** Runs requests through a fresh engine on real tiers and says what is left afterwards. */
export async function runEngine(
  parts: { backend: Backend; model: Model; weights: WeightSource; policy: PolicyOptions; pagePositions: number },
  requests: readonly GenerationRequest[],
  options: GenerateOptions,
): Promise<TestRun> {
  const { backend, policy, ...rest } = parts
  const offloadDir = await mkdtemp(join(tmpdir(), 'flexgen-tfjs-'))
  await using ram = createRamTier({
    allocateHost: (bytes) => backend.allocateHost(bytes),
    freeHost: (buffer) => backend.free(buffer),
    clock: systemClock,
  })
  await using disk = await createDiskTier({ offloadDir, clock: systemClock })
  try {
    await using engine = await createEngine({
      ...rest,
      backend,
      ram,
      disk,
      policy: createPolicy(policy),
      ...(options.logits === 'all' && {
        workload: { sequences: 1, maxPromptTokens: 1, maxNewTokens: 1, logits: 'all' as const },
      }),
    })
    const results = await engine.generateAll(requests, options)
    const report = engine.report()
    await engine[Symbol.asyncDispose]()
    await ram[Symbol.asyncDispose]()
    await disk[Symbol.asyncDispose]()
    const { deviceBytes, hostBytes, preparedBytes } = backend.memory()
    const leftBytes = deviceBytes + hostBytes + preparedBytes + ram.stats().heldBytes + disk.stats().heldBytes
    return { results, report, leftBytes, leftFolders: await readdir(offloadDir) }
  } finally {
    await rm(offloadDir, { recursive: true, force: true })
  }
}
