import type { RunReport } from '@flexgen/core'
import { type Model, nodeFileSystem, type TraceSink } from '@flexgen/spec'
import { createChromeTrace, createEngine, type FlexgenEngine, randomPrompts } from 'flexgen'
import { type CaseSettings, checkOneBlock } from '../case/case-settings.ts'
import { fewerBatchSteps, projectCutRun, projectFewerBatches } from '../formulas/projection.ts'
import type { Latency } from '../formulas/throughput.ts'
import { formatBytes } from '../format/format-amount.ts'
import type { CaseMachine } from './case-machine.ts'
import { createMemorySampler, type MemorySampler } from './memory-sampler.ts'
import type { Measurement } from './measurement.ts'
import { measurementOf } from './measurement-of.ts'
import { openMachine } from './open-machine.ts'
import { RunRecorder } from './run-recorder.ts'
import { settleCase } from './settle-case.ts'
import { throttleFileSystem } from './throttled-file-system.ts'

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
  /** File for a Chrome trace of loading, warm-up and run. */
  readonly traceFile?: string | undefined
}

/**
 * Runs a case once in this process: loads the model, warms up as FlexGen does (one token for short prompts), and
 * measures one generation, on this machine or a simulated one.
 * @throws {FlexgenError} whatever is wrong with model, budgets or machine; `ABORTED` after the signal
 */
export async function measureCase(given: CaseSettings, options: MeasureOptions = {}): Promise<Measurement> {
  const { signal, onProgress } = options
  await using machine = await openMachineOf(given)
  const { settings, notices: chosen } = await settleCase(given, machine)
  const { diskBytesPerSecond } = settings
  const { backend, clock, notices } = machine
  await using traceFile = options.traceFile === undefined ? undefined : await createChromeTrace(options.traceFile)
  const { gpuBatchSize, numGpuBatches } = settings.policy
  checkOneBlock(settings, gpuBatchSize * numGpuBatches)
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
  const refusals: string[] = []
  using sampler = createMemorySampler(backend, clock)
  await using engine = await createEngine({
    ...settings,
    ...machine.engine,
    // What the planner has chosen for; else what the machine has.
    ...(settings.maxRam !== given.maxRam && { maxRam: settings.maxRam }),
    ...(settings.maxDeviceMemory !== given.maxDeviceMemory && { maxDeviceMemory: settings.maxDeviceMemory }),
    // Only the command keeps one: programs that measure need not leave anything in the user's folders.
    history: (settings.history ?? false) && settings.simulate === undefined && settings.cutGenLen === undefined,
    // What is expected of a simulated machine is what its own profile says, unless another is believed.
    hardware: settings.hardware ?? settings.simulate,
    model: machine.model,
    backend,
    workload: { sequences: settings.numPrompts, maxPromptTokens: settings.promptLen, maxNewTokens: settings.genLen },
    trace: traceFile === undefined ? recorder : bothOf(recorder, traceFile),
    ...(diskBytesPerSecond !== undefined && {
      fileSystem: throttleFileSystem(nodeFileSystem, diskBytesPerSecond),
    }),
    signal,
    onProgress: ({ doneBytes, totalBytes }) =>
      onProgress?.({ label: 'loading weights', done: doneBytes, total: totalBytes, unit: 'bytes' }),
  })
  // A placement that does not change has to live with what is left.
  if (settings.replacement !== undefined) {
    machine.onBudget?.(
      (budget) => void engine.setBudget(budget).catch((error: unknown) => refusals.push(String(error))),
    )
  }
  await warmUp(engine, settings, blockPrompts, signal)
  if (settings.warmUpTokens > 0) sampler.setDiskBytes(engine.report().peakDiskBytes)
  machine.begin?.()
  await generate(engine, { settings, recorder, sampler, machine, blockPrompts, enough: enough.signal, options })
  const report = engine.report()
  const { model } = machine.model
  const latency = latencyOf(settings, model, report, recorder)
  const said = [...notices, ...chosen, ...noticesOf(settings), ...refusals]
  // Of a disk that is slowed down, and of what a scenario changes, the planner knows nothing.
  const isPredicted = [settings.scenario, settings.debugMode, diskBytesPerSecond].every((each) => each === undefined)
  const prediction = isPredicted ? await engine.prediction() : undefined
  return measurementOf({
    settings,
    blockPrompts,
    model,
    notices: said,
    report,
    prediction,
    latency,
    hostVisible: backend.device.hostVisible,
    recorder,
    sampler,
  })
}

async function openMachineOf(settings: CaseSettings): Promise<CaseMachine> {
  if (settings.simulate === undefined) return openMachine(settings)
  const { openSimulatedMachine } = await import('../simulate/open-simulated-machine.ts')
  return openSimulatedMachine(settings, settings.simulate)
}

/** What was done to the machine, for the report. */
function noticesOf({ diskBytesPerSecond }: CaseSettings): string[] {
  if (diskBytesPerSecond === undefined) return []
  return [`the disk was slowed down to ${formatBytes(diskBytesPerSecond)}/s in this process (--throttle-disk)`]
}

function bothOf(first: TraceSink, second: TraceSink): TraceSink {
  return {
    span: (span) => {
      first.span(span)
      second.span(span)
    },
  }
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
  readonly machine: CaseMachine
  readonly blockPrompts: number
  /** Aborts once the layer steps of a shortened run have been made. */
  readonly enough: AbortSignal
  readonly options: MeasureOptions
}

async function generate(engine: FlexgenEngine, generation: Generation): Promise<void> {
  const { settings, recorder, sampler, machine, blockPrompts, enough, options } = generation
  const { numPrompts, genLen, cutGenLen } = settings
  const { clock, stopRule } = machine
  const prompts = randomPrompts(engine.model, { count: numPrompts, length: settings.promptLen, seed: settings.seed })
  const total = numPrompts * (cutGenLen ?? genLen)
  let done = 0
  /** Token that the sweep under way makes, and prompts up to the end of its block. */
  let token = 0
  let blockEnd = blockPrompts
  recorder.begin(clock.now())
  try {
    const signal = AbortSignal.any(options.signal === undefined ? [enough] : [enough, options.signal])
    for await (const event of engine.generate(prompts, {
      maxNewTokens: genLen,
      ignoreEos: true,
      breakdown: settings.debugMode === 'breakdown',
      stopRule,
      ...(settings.refill === false && { refill: false }),
      signal,
    })) {
      if (event.type === 'token') {
        done++
        options.onProgress?.({ label: 'generating', done, total, unit: 'tokens' })
      }
      if (event.type !== 'sweep') continue
      const isBlockEnd = event.progress.finishedSequences >= Math.min(blockEnd, numPrompts)
      const nextToken = isBlockEnd ? 0 : token + 1
      const { peakDiskBytes, sweeps } = engine.report()
      recorder.endSweep(nextToken, clock.now(), sweeps.at(-1)!.phase)
      sampler.setDiskBytes(peakDiskBytes)
      sampler.sample()
      machine.endSweep?.(sweeps.length)
      if (token + 1 === cutGenLen) break
      token = nextToken
      if (isBlockEnd) blockEnd += blockPrompts
    }
  } catch (error) {
    if (!enough.aborted || options.signal?.aborted) throw error
  } finally {
    recorder.end(clock.now())
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
