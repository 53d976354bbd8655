import { compressSource } from '@flexgen/checkpoint'
import {
  chooseWeightForms,
  createEngine as createCoreEngine,
  createPolicy,
  type PolicyOptions,
  type Workload,
} from '@flexgen/core'
import { AbortedError, type Backend, type Policy, systemClock } from '@flexgen/spec'
import { createDiskTier, createRamTier } from '@flexgen/storage'
import { cacheNotices } from './engine/cache-notice.ts'
import { checkScratch } from './engine/check-scratch.ts'
import { defaultOffloadDir } from './engine/default-offload-dir.ts'
import type { CreateEngineOptions } from './engine/engine-options.ts'
import type { FlexgenEngine } from './engine/flexgen-engine.ts'
import { createResourceStack } from './engine/resource-stack.ts'
import { generateText } from './generate/generate-text.ts'
import type { TextResult } from './generate/text-generation.ts'
import { expandHome } from './model/expand-home.ts'
import { openModel } from './model/open-model.ts'
import { openBackend, type OpenedBackend } from './registry/open-backend.ts'
import { parseSize, type Size } from './size/parse-size.ts'

/**
 * Opens a model and makes it ready to generate: finds it, opens its tokenizer and the headers of its weights, makes
 * backend and tiers, checks the plan against the budgets, and only then reads weights. Everything it made is given
 * back by the engine's dispose, or at once where a step fails.
 * @throws {FlexgenError} whatever is wrong with settings, model, budgets or machine, by its code; `ABORTED` after the signal
 */
export async function createEngine(options: CreateEngineOptions = {}): Promise<FlexgenEngine> {
  const policy = policyOf(options.policy)
  const maxRamBytes = sizeOf(options.maxRam, 'maxRam')
  const maxDeviceBytes = sizeOf(options.maxDeviceMemory, 'maxDeviceMemory')
  const maxDiskBytes = sizeOf(options.maxDisk, 'maxDisk')
  const owned = createResourceStack()
  try {
    const opened =
      typeof options.model === 'object'
        ? options.model
        : owned.use(await openModel({ ...options, model: options.model }))
    const { backend, notices } = await backendOf(options)
    if (typeof options.backend !== 'object') owned.use(backend)
    const host = await hostBackendOf(options, backend)
    if (host !== undefined && host !== backend && typeof options.hostBackend === 'string') owned.use(host)
    const ram = owned.use(
      createRamTier({
        allocateHost: (byteLength) => backend.allocateHost(byteLength),
        freeHost: (buffer) => backend.free(buffer),
        clock: systemClock,
        ...(maxRamBytes !== undefined && { budgetBytes: maxRamBytes }),
      }),
    )
    const disk = owned.use(
      await createDiskTier({
        offloadDir: expandHome(options.offloadDir ?? defaultOffloadDir()),
        clock: systemClock,
        direct: options.direct ?? false,
        ...(maxDiskBytes !== undefined && { budgetBytes: maxDiskBytes }),
      }),
    )
    const engine = owned.use(
      await createCoreEngine({
        model: opened.model,
        weights: policy.compressWeight
          ? compressSource(opened.weights, chooseWeightForms(opened.model))
          : opened.weights,
        backend,
        host,
        ram,
        disk,
        policy,
        dtype: options.dtype,
        maxRamBytes,
        maxDeviceBytes,
        maxDiskBytes,
        onPlan: ({ diskBytes }) => checkScratch(disk, policy, opened.place.kind === 'dummy', diskBytes),
        workload: options.workload,
        trace: options.trace,
        signal: options.signal,
        ...(options.pagePositions !== undefined && { pagePositions: options.pagePositions }),
        ...(options.onProgress && { onProgress: options.onProgress }),
      }),
    )
    const { model, tokenizer, tokenizerProblem } = opened
    let workload: Workload = { sequences: 0, maxPromptTokens: 0, maxNewTokens: 0 }
    const onWorkload = (given: Workload): void => void (workload = given)
    const context = { engine, model, tokenizer, tokenizerProblem, onWorkload }
    const generate: FlexgenEngine['generate'] = (prompts, settings) =>
      generateText(context, prompts, { ...settings, seed: settings?.seed ?? options.seed })
    return {
      model,
      tokenizer,
      get plan() {
        return engine.plan
      },
      generate,
      generateAll: async (prompts, settings) => {
        const results: TextResult[] = []
        for await (const event of generate(prompts, settings)) if (event.type === 'result') results.push(event.result)
        return results
      },
      report: () => {
        const report = engine.report()
        const short = cacheNotices(report.placement.cache.bytes.disk, workload, options.pagePositions)
        return {
          ...report,
          notices: [...new Set([...notices, ...opened.notices, ...disk.notices, ...report.notices, ...short])],
        }
      },
      [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
    }
  } catch (error) {
    // What failed first is what the caller must see.
    await owned[Symbol.asyncDispose]().catch(() => undefined)
    throw options.signal?.aborted ? new AbortedError('loading was stopped', { cause: error }) : error
  }
}

function policyOf(policy: Policy | PolicyOptions = {}): Policy {
  return 'weights' in policy ? policy : createPolicy(policy)
}

function sizeOf(size: Size | undefined, what: string): number | undefined {
  return size === undefined ? undefined : parseSize(size, what)
}

async function backendOf({ backend = 'auto', api, threads }: CreateEngineOptions): Promise<OpenedBackend> {
  return typeof backend === 'object' ? { backend, notices: [] } : openBackend(backend, { api, threads })
}

/** The backend that attends on the host: the one asked for, which may be the device's. */
async function hostBackendOf(
  { hostBackend, api, threads }: CreateEngineOptions,
  backend: Backend,
): Promise<Backend | undefined> {
  if (typeof hostBackend !== 'string') return hostBackend
  return hostBackend === backend.name ? backend : (await openBackend(hostBackend, { api, threads })).backend
}
