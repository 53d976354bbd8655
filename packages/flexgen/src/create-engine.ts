import { createEngine as createCoreEngine, type Workload } from '@flexgen/core'
import { AbortedError } from '@flexgen/spec'
import { cacheNotices } from './engine/cache-notice.ts'
import { checkFourBits } from './engine/check-four-bits.ts'
import { checkScratch } from './engine/check-scratch.ts'
import type { CreateEngineOptions } from './engine/engine-options.ts'
import { engineWeightsOf } from './engine/engine-weights.ts'
import type { FlexgenEngine } from './engine/flexgen-engine.ts'
import { openHostBackend } from './engine/open-host-backend.ts'
import { openTiers } from './engine/open-tiers.ts'
import { pinNotices } from './engine/pin-notice.ts'
import { createResourceStack } from './engine/resource-stack.ts'
import { generateText } from './generate/generate-text.ts'
import { scoreOf, withoutNewTokens } from './generate/score.ts'
import type { TextResult } from './generate/text-generation.ts'
import { openModel } from './model/open-model.ts'
import { knownPolicyOf, settlePolicy } from './policy/settle-policy.ts'
import { openBackendHere } from './policy/backend-preference.ts'
import type { OpenedBackend } from './registry/open-backend.ts'
import { parseSize, type Size } from './size/parse-size.ts'

/**
 * Opens a model and makes it ready to generate: finds it, opens its tokenizer and the headers of its weights, makes
 * backend and tiers, checks the plan against the budgets, and only then reads weights. Everything it made is given
 * back by the engine's dispose, or at once where a step fails.
 * @throws {FlexgenError} whatever is wrong with settings, model, budgets or machine, by its code; `ABORTED` after the signal
 */
export async function createEngine(options: CreateEngineOptions = {}): Promise<FlexgenEngine> {
  const known = knownPolicyOf(options.policy)
  const givenRamBytes = sizeOf(options.maxRam, 'maxRam')
  const givenDeviceBytes = sizeOf(options.maxDeviceMemory, 'maxDeviceMemory')
  const maxDiskBytes = sizeOf(options.maxDisk, 'maxDisk')
  const owned = createResourceStack()
  try {
    const opened =
      typeof options.model === 'object'
        ? options.model
        : owned.use(await openModel({ ...options, model: options.model }))
    const { backend, notices } = await backendOf(options)
    if (typeof options.backend !== 'object') owned.use(backend)
    checkFourBits(backend, known, opened.weights)
    const { host, isOwn } = await openHostBackend(options, backend)
    if (host !== undefined && isOwn) owned.use(host)
    const given = { maxRamBytes: givenRamBytes, maxDeviceBytes: givenDeviceBytes, maxDiskBytes }
    const settled = await settlePolicy(options, opened, { backend, host }, given, workloadOf(options))
    const { policy, maxRamBytes, maxDeviceBytes } = settled
    const { weights, notices: weightNotices } = engineWeightsOf(opened, policy, backend)
    // What is made up or compressed as it is read lies in no file: its disk share is scratch.
    const areMade = opened.place.kind === 'dummy' || weights !== opened.weights
    const budgets = { maxRamBytes, maxDiskBytes }
    const { clock, ram, disk } = options.machine ?? (await openTiers(options, backend, budgets, owned))
    const engine = owned.use(
      await createCoreEngine({
        model: opened.model,
        weights,
        backend,
        host,
        ram,
        disk,
        clock,
        policy,
        replacement: options.replacement,
        dtype: options.dtype,
        maxRamBytes,
        maxDeviceBytes,
        maxDiskBytes,
        onPlan: ({ diskBytes }) => checkScratch(disk, policy, areMade, diskBytes),
        workload: workloadOf(options),
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
    const generateAll: FlexgenEngine['generateAll'] = async (prompts, settings) => {
      const results: TextResult[] = []
      for await (const event of generate(prompts, settings)) if (event.type === 'result') results.push(event.result)
      return results
    }
    return {
      model,
      tokenizer,
      get plan() {
        return engine.plan
      },
      generate,
      generateAll,
      score: async (prompts, settings) =>
        (await generateAll(withoutNewTokens(prompts), { ...settings, maxNewTokens: 0, logProbs: 'all' })).map(scoreOf),
      setBudget: (budget) => engine.setBudget(budget),
      report: () => {
        const report = engine.report()
        const short = cacheNotices(report.placement.cache.bytes.disk, workload, options.pagePositions)
        return {
          ...report,
          notices: [
            ...new Set([
              ...settled.notices,
              ...notices,
              ...opened.notices,
              ...weightNotices,
              ...pinNotices(backend, options),
              ...disk.notices,
              ...report.notices,
              ...short,
            ]),
          ],
        }
      },
      prediction: () => settled.predict(engine.report(), workload),
      [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
    }
  } catch (error) {
    // What failed first is what the caller must see.
    await owned[Symbol.asyncDispose]().catch(() => undefined)
    throw options.signal?.aborted ? new AbortedError('loading was stopped', { cause: error }) : error
  }
}

/** What is known of the calls to come; all positions' logits are an affair of the whole engine. */
function workloadOf({ workload, scores }: CreateEngineOptions): Workload | undefined {
  if (scores !== true) return workload
  return { sequences: 1, maxPromptTokens: 1, maxNewTokens: 1, ...workload, logits: 'all' }
}

function sizeOf(size: Size | undefined, what: string): number | undefined {
  return size === undefined ? undefined : parseSize(size, what)
}

async function backendOf({ backend = 'auto', api, threads, pinWeight }: CreateEngineOptions): Promise<OpenedBackend> {
  return typeof backend === 'object' ? { backend, notices: [] } : openBackendHere(backend, { api, threads, pinWeight })
}
