import type { Backend, DType, Model, WeightSource } from '@flexgen/spec'
import type { GenerateOptions, GenerationRequest, GenerationResult, PolicyOptions, RunReport } from '../../src/index.ts'
import { openBench } from '../support/bench.ts'

/** What a run gave, and what it left. */
export interface PolicyRun {
  readonly results: readonly GenerationResult[]
  readonly report: RunReport
  /** Bytes that backends and tiers still hold after all was disposed, and what is left in the offload folder. */
  readonly left: { readonly bytes: number; readonly folders: readonly string[] }
}

/** Runs requests once under a policy in a dtype, on backends that stay the caller's. */
export async function runPolicy(
  parts: {
    readonly backend: Backend
    readonly host?: Backend | undefined
    readonly model: Model
    readonly weights: WeightSource
    readonly policy: PolicyOptions
    readonly dtype: DType
    readonly pagePositions?: number
  },
  requests: readonly GenerationRequest[],
  options: GenerateOptions,
): Promise<PolicyRun> {
  const all = { sequences: 1, maxPromptTokens: 1, maxNewTokens: 1, logits: 'all' } as const
  await using bench = await openBench({ ...parts, ...(options.logits === 'all' && { workload: all }) })
  const engine = await bench.createEngine()
  try {
    const results = await engine.generateAll(requests, options)
    const report = engine.report()
    await engine[Symbol.asyncDispose]()
    const folders = await bench.close()
    const hostMemory = parts.host?.memory()
    const ofHost = hostMemory ? hostMemory.deviceBytes + hostMemory.hostBytes + hostMemory.preparedBytes : 0
    return { results, report, left: { bytes: bench.heldBytes() + ofHost, folders } }
  } finally {
    await engine[Symbol.asyncDispose]()
  }
}
