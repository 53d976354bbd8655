import type { RunReport } from '@flexgen/core'
import { type Backend, type Model, UsageError } from '@flexgen/spec'
import { createEngine, type FlexgenEngine, openBackend, openModel, randomPrompts } from 'flexgen'
import type { CaseSettings } from '../case/case-settings.ts'
import { fewerBatchSteps, projectCutRun, projectFewerBatches } from '../formulas/projection.ts'
import type { Latency } from '../formulas/throughput.ts'
import { createMemorySampler, type MemorySampler } from './memory-sampler.ts'
import type { Measurement } from './measurement.ts'
import { measurementOf } from './measurement-of.ts'
import { RunRecorder } from './run-recorder.ts'

/** How far a case has come. */
export interface CaseProgress {
  readonly label: string
  readonly done: number
  readonly total: number
  readonly unit: 'bytes' | 'tokens'
}

/** How a case is measured. */
export interface MeasureOptions {
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: CaseProgress) => void) | undefined
}

/** Share of the available memory that a case may use where it names no limit of its own. */
const memoryShare = 0.95

/**
 * Runs a case once in this process: loads the model, warms up as FlexGen does (one token for short prompts), and
 * measures one generation. Without `maxRam` the limit is what the machine has free, so that a case that is too large
 * is refused instead of killed.
 * @throws {FlexgenError} whatever is wrong with model, budgets or machine; `ABORTED` after the signal
 */
export async function measureCase(settings: CaseSettings, options: MeasureOptions = {}): Promise<Measurement> {
  const { signal, onProgress } = options
  await using opened = await openModel(settings)
  const { backend, notices } = await openBackend(settings.backend, { api: settings.api, threads: settings.threads })
  await using _ = backend
  checkDevice(settings, backend)
  const { gpuBatchSize, numGpuBatches } = settings.policy
  const blockPrompts = Math.min(settings.numPrompts, gpuBatchSize * numGpuBatches)
  const enough = new AbortController()
  const recorder = new RunRecorder({
    batches: Math.ceil(blockPrompts / gpuBatchSize),
    timelineToken: timelineToken(settings),
    onLayerStep: (steps) => {
      // Not from within the queue that tells of the step.
      if (settings.debugMode === 'fewer_batch' && steps === fewerBatchSteps.made) queueMicrotask(() => enough.abort())
    },
  })
  using sampler = createMemorySampler(backend)
  await using engine = await createEngine({
    ...settings,
    model: opened,
    backend,
    maxRam: settings.maxRam ?? Math.floor(memoryShare * process.availableMemory()),
    workload: { sequences: settings.numPrompts, maxPromptTokens: settings.promptLen, maxNewTokens: settings.genLen },
    trace: recorder,
    signal,
    onProgress: ({ doneBytes, totalBytes }) =>
      onProgress?.({ label: 'loading weights', done: doneBytes, total: totalBytes, unit: 'bytes' }),
  })
  await warmUp(engine, settings, blockPrompts, signal)
  if (settings.warmUpTokens > 0) sampler.setDiskBytes(engine.report().peakDiskBytes)
  await generate(engine, { settings, recorder, sampler, blockPrompts, enough: enough.signal, options })
  const report = engine.report()
  const latency = latencyOf(settings, opened.model, report, recorder)
  return measurementOf({ settings, blockPrompts, model: opened.model, notices, report, latency, recorder, sampler })
}

/** Flags that mean something else on a device with memory of its own. */
function checkDevice({ cpuCacheCompute, pinWeight }: CaseSettings, { name, device }: Backend): void {
  // Where device and RAM are one memory, attention runs beside the KV anyway, and nothing is pinned.
  if (device.hostVisible) return
  if (cpuCacheCompute) throw new UsageError(`--cpu-cache-compute is not there yet on backend ${name}`)
  if (!pinWeight) throw new UsageError(`--pin-weight false is not there yet on backend ${name}`)
}

/** The step in the middle of decoding: it has a step before it and, mostly, one behind it. */
function timelineToken({ genLen, cutGenLen = genLen }: CaseSettings): number | undefined {
  return cutGenLen < 2 ? undefined : Math.ceil((cutGenLen - 1) / 2)
}

async function warmUp(
  engine: FlexgenEngine,
  { warmUpTokens, promptLen, seed }: CaseSettings,
  count: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (warmUpTokens === 0) return
  const prompts = randomPrompts(engine.model, { count, length: Math.min(32, promptLen), seed: seed + 1 })
  await engine.generateAll(prompts, { maxNewTokens: warmUpTokens, ignoreEos: true, signal })
}

interface Generation {
  readonly settings: CaseSettings
  readonly recorder: RunRecorder
  readonly sampler: MemorySampler
  readonly blockPrompts: number
  /** Aborts once the layer steps of a shortened run have been made. */
  readonly enough: AbortSignal
  readonly options: MeasureOptions
}

async function generate(engine: FlexgenEngine, generation: Generation): Promise<void> {
  const { settings, recorder, sampler, blockPrompts, enough, options } = generation
  const { numPrompts, genLen, cutGenLen } = settings
  const prompts = randomPrompts(engine.model, { count: numPrompts, length: settings.promptLen, seed: settings.seed })
  const total = numPrompts * (cutGenLen ?? genLen)
  let done = 0
  let sweepTokens = 0
  recorder.begin(performance.now())
  try {
    const signal = AbortSignal.any(options.signal === undefined ? [enough] : [enough, options.signal])
    for await (const event of engine.generate(prompts, { maxNewTokens: genLen, ignoreEos: true, signal })) {
      if (event.type !== 'token') continue
      const sweepRows = Math.min(blockPrompts, numPrompts - blockPrompts * Math.floor(done / (blockPrompts * genLen)))
      // All tokens of a sweep come at once, right behind it.
      if (sweepTokens === 0) {
        recorder.endSweep((event.position + 1) % genLen, performance.now())
        sampler.setDiskBytes(engine.report().peakDiskBytes)
        sampler.sample()
      }
      sweepTokens = (sweepTokens + 1) % sweepRows
      done++
      options.onProgress?.({ label: 'generating', done, total, unit: 'tokens' })
      if (cutGenLen !== undefined && sweepTokens === 0 && event.position === cutGenLen - 1) break
    }
  } catch (error) {
    if (!enough.aborted || options.signal?.aborted) throw error
  } finally {
    recorder.end(performance.now())
  }
}

function latencyOf(
  { cutGenLen, debugMode, genLen, policy }: CaseSettings,
  model: Model,
  report: RunReport,
  recorder: RunRecorder,
): Latency & { readonly projected: boolean } {
  const { prefillSeconds, decodeSeconds } = report
  if (cutGenLen !== undefined) {
    const tokenSeconds = report.sweeps.map(({ durationSeconds }) => durationSeconds)
    return { prefillSeconds, ...projectCutRun(tokenSeconds, genLen) }
  }
  if (debugMode === 'fewer_batch') {
    const scheduleLayers = policy.sepLayer ? model.layers.length : model.facts.decoderLayers + 2
    return { prefillSeconds, ...projectFewerBatches(recorder.layerStepSeconds, scheduleLayers, genLen) }
  }
  // A breakdown is a whole run, but FlexGen's log calls every run with a debug mode projected.
  return { prefillSeconds, decodeSeconds, projected: debugMode !== undefined }
}
