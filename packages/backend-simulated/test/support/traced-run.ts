import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createReferenceBackend } from '@flexgen/backend-reference'
import {
  createEngine,
  createPolicy,
  type EngineOptions,
  type GenerationRequest,
  type PolicyOptions,
  type RunReport,
} from '@flexgen/core'
import { type Model, systemClock, type TraceSpan, type WeightSource } from '@flexgen/spec'
import { createDiskTier, createRamTier } from '@flexgen/storage'
import { createSimulation } from '../../src/index.ts'
import { gpuMachine, hostMachine } from './small-machines.ts'

/** A run of the engine that is to be the same for real and simulated. */
export interface TracedCase {
  readonly model: Model
  readonly weights: WeightSource
  readonly policy: PolicyOptions
  readonly hostVisible: boolean
  readonly pagePositions: number
  readonly requests: readonly GenerationRequest[]
  readonly maxNewTokens: number
}

/** Operations of every queue, in the order in which they ended there: what, and how many bytes. */
export type Operations = Readonly<Record<string, readonly string[]>>

/** What a run did. */
export interface TracedRun {
  readonly operations: Operations
  readonly report: RunReport
  readonly ids: readonly (readonly number[])[]
}

/** Runs a case on the reference backend, real tiers and a real checkpoint. */
export async function runForReal(traced: TracedCase): Promise<TracedRun> {
  const { hostVisible, policy } = traced
  const offloadDir = await mkdtemp(path.join(tmpdir(), 'flexgen-simulated-'))
  const backend = createReferenceBackend({ hostVisible })
  const host = needsHost(policy) && !hostVisible ? createReferenceBackend() : undefined
  const ram = createRamTier({
    allocateHost: (byteLength) => backend.allocateHost(byteLength),
    freeHost: (buffer) => backend.free(buffer),
    clock: systemClock,
  })
  // One lane, and pieces larger than any tensor: an operation is one span.
  const disk = await createDiskTier({ offloadDir, clock: systemClock, lanes: 1, chunkBytes: 16 * 2 ** 20 })
  try {
    return await run(traced, { backend, host, ram, disk })
  } finally {
    await disk[Symbol.asyncDispose]()
    await ram[Symbol.asyncDispose]()
    await host?.[Symbol.asyncDispose]()
    await backend[Symbol.asyncDispose]()
    await rm(offloadDir, { recursive: true, force: true })
  }
}

/** Runs a case on a simulated machine; only names, shapes and places of the checkpoint are used. */
export async function runSimulated(traced: TracedCase): Promise<TracedRun> {
  const hardware = traced.hostVisible ? hostMachine : gpuMachine
  await using simulation = createSimulation({ hardware, dtype: 'float32', nextToken: () => 0 })
  const { backend, host, ram, disk, clock } = simulation
  const usedHost = needsHost(traced.policy) && !traced.hostVisible ? host : undefined
  return await run(traced, { backend, host: usedHost, ram, disk, clock })
}

function needsHost({ hostAttentionPercent = 0 }: PolicyOptions): boolean {
  return hostAttentionPercent > 0
}

async function run(
  { model, weights, policy, pagePositions, requests, maxNewTokens }: TracedCase,
  machine: Pick<EngineOptions, 'backend' | 'host' | 'ram' | 'disk' | 'clock'>,
): Promise<TracedRun> {
  const operations: Record<string, string[]> = {}
  const span = ({ queue, label, sizeBytes }: TraceSpan): void =>
    void (operations[queue] ??= []).push(`${label} ${sizeBytes}`)
  await using engine = await createEngine({
    ...machine,
    model,
    weights,
    pagePositions,
    dtype: 'float32',
    policy: createPolicy(policy),
    trace: { span },
  })
  const results = await engine.generateAll(requests, { maxNewTokens, ignoreEos: true })
  return { operations, report: engine.report(), ids: results.map(({ ids }) => ids) }
}
