import { chooseWeightForms, type Workload } from '@flexgen/core'
import { type Backend, type DType, type GroupDType, UnsupportedDataError, UsageError } from '@flexgen/spec'
import { createEngine, openModel, type OpenedModel } from 'flexgen'
import type { MeasureOptions } from '../measure/measure-case.ts'
import { heldOutTexts } from './held-out-text.ts'
import { openQualityBackend } from './open-quality-backend.ts'
import type { QualityMeasurement, QualitySettings } from './quality-settings.ts'
import type { QualityVariant } from './quality-variants.ts'
import { scoreWindows } from './score-windows.ts'
import { cutWindows, type ScoreWindow } from './windows.ts'

/**
 * Scores held-out text with one variant, everything on the device: where data lies changes no result.
 * @throws {FlexgenError} `UNSUPPORTED_DATA` where the backend has not what the variant needs; `ABORTED`
 */
export async function measureQuality(
  settings: QualitySettings,
  { signal, onProgress }: MeasureOptions = {},
): Promise<QualityMeasurement> {
  const { variant, gpuBatchSize } = settings
  await using opened = await openModel(settings)
  const { backend, notices } = await openQualityBackend(settings.backend, {
    api: settings.api,
    threads: settings.threads,
  })
  await using _ = backend
  checkBackend(backend, variant)
  const windows = windowsOf(opened, settings)
  const { attentionSparsity = 1, compressCache = false } = variant
  const decode = attentionSparsity < 1
  const startMs = performance.now()
  await using engine = await createEngine({
    ...settings,
    model: variant.weights === undefined ? opened : { ...opened, weights: await compress(opened, variant.weights) },
    backend,
    dtype: variant.dtype,
    // Weights come compressed from their source.
    policy: { gpuBatchSize, attentionSparsity, compressCache },
    workload: workloadOf(windows, decode),
    signal,
  })
  const total = windows.reduce((sum, { scored }) => sum + scored, 0)
  const onTokens = (done: number): void => onProgress?.({ label: 'scoring', done, total, unit: 'tokens' })
  const { tokens, nats } = await scoreWindows(engine, windows, { decode, onTokens, signal })
  const { device, notices: said } = engine.report()
  return {
    backend: backend.name,
    device,
    notices: [...new Set([...notices, ...said])],
    windows: windows.length,
    tokens,
    nats,
    seconds: (performance.now() - startMs) / 1000,
  }
}

function checkBackend({ name, capabilities }: Backend, { dtype, weights, compressCache }: QualityVariant): void {
  const check = (what: string, needed: DType | undefined, offered: readonly DType[]): void => {
    if (needed === undefined || offered.includes(needed)) return
    throw new UnsupportedDataError(`backend ${name} has no ${what} in ${needed}`, {
      hint: `it has ${offered.join(', ')}; choose another with --backend`,
    })
  }
  check('computation', dtype, capabilities.computeDtypes)
  check('weights', weights, capabilities.weightDtypes)
  check('KV cache', compressCache === true ? 'q4g64' : dtype, capabilities.cacheDtypes)
}

/**
 * The checkpoint with its matrices in 4 bits. Groups along the inputs are along the rows of every matrix; along the
 * outputs they are where the engine can have them so.
 */
async function compress({ model, weights }: OpenedModel, form: GroupDType): Promise<OpenedModel['weights']> {
  const { compressSource } = await import('@flexgen/checkpoint')
  const forms = chooseWeightForms(model)
  return compressSource(weights, form === 'q4g64c' ? forms : new Map([...forms.keys()].map((name) => [name, form])))
}

/** Windows of all texts; fewer, spread over all, where not all are asked for. */
function windowsOf({ model, tokenizer, tokenizerProblem }: OpenedModel, settings: QualitySettings): ScoreWindow[] {
  const { windowTokens, mostWindows } = settings
  if (tokenizer === undefined) {
    throw tokenizerProblem ?? new UsageError(`--suite quality needs text, but ${model.name} has no tokenizer here`)
  }
  if (windowTokens > model.maxPositions) {
    throw new UsageError(
      `--prompt-len ${windowTokens} is more than the ${model.maxPositions} positions of ${model.name}`,
    )
  }
  const all = [...heldOutTexts().values()].flatMap((text) => {
    const [start, ...ids] = tokenizer.encode(text)
    return start === undefined ? [] : cutWindows(ids, start, windowTokens, Math.floor(windowTokens / 2))
  })
  if (mostWindows === undefined || mostWindows >= all.length) return all
  return Array.from({ length: mostWindows }, (_, i) => all[Math.floor((i * all.length) / mostWindows)]!)
}

function workloadOf(windows: readonly ScoreWindow[], decode: boolean): Workload {
  const most = (value: (window: ScoreWindow) => number): number =>
    windows.reduce((largest, window) => Math.max(largest, value(window)), 0)
  return {
    sequences: windows.length,
    maxPromptTokens: most(({ ids, scored }) => ids.length - (decode ? scored : 1)),
    maxNewTokens: decode ? most(({ scored }) => scored) : 1,
    logits: decode ? 'last' : 'all',
  }
}
