import { AbortedError, UsageError } from '@flexgen/spec'
import type { BenchOptions, BenchOutput } from '../bench-options.ts'
import { formatNumber, formatSeconds } from '../format/format-amount.ts'
import type { MeasureOptions } from '../measure/measure-case.ts'
import { toError, toFailure } from '../run/failure.ts'
import { makeOutputFolder, writeTexts } from '../run/output-folder.ts'
import { runChild } from '../run/run-child.ts'
import { TimeLimit } from '../run/time-limit.ts'
import { examineMachine } from '../system/machine.ts'
import { describeQuality } from './describe-quality.ts'
import { formatQualityCsv } from './quality-csv.ts'
import { qualityOptions } from './quality-options.ts'
import type { QualityReport } from './quality-report.ts'
import { type QualityOutcome, qualityRows } from './quality-rows.ts'
import type { QualityMeasurement, QualitySettings } from './quality-settings.ts'
import { type QualityVariant, qualityVariants } from './quality-variants.ts'

/** What measuring may be given instead of what it does by itself; for tests. */
export interface QualitySeams {
  readonly measure?: (settings: QualitySettings, options: MeasureOptions) => Promise<QualityMeasurement>
}

/**
 * The suite `quality`: perplexity on held-out text of every variant, with a table, `report.json`, `report.csv` and
 * `report.html`. A variant that the backend cannot compute stands in the table without figures.
 * @throws {UsageError} for flags that the suite does not take
 * @throws {FlexgenError} what a variant failed with for another reason, once the report is written; `ABORTED`
 */
export async function runQuality(
  options: BenchOptions,
  output: BenchOutput,
  { measure = measureInChild }: QualitySeams = {},
): Promise<QualityReport> {
  const { settings, command } = qualityOptions(options)
  const { signal } = options
  const variants = chosenVariants(options.only)
  const title = options.title ?? 'quality'
  const folder = await makeOutputFolder(options.outputDir, title)
  const outcomes: QualityOutcome[] = []
  const limit = TimeLimit.of(options)
  const measureOptions: MeasureOptions = {
    signal: limit?.with(signal) ?? signal,
    onProgress: (step) => output.progress?.(step),
  }
  for (const variant of variants) {
    signal?.throwIfAborted()
    if (limit?.allows(0) === false) break
    const startedMs = performance.now()
    const outcome = await outcomeOf(variant, () => measure({ ...settings, variant }, measureOptions), signal)
    output.clearProgress?.()
    if (limit?.signal.aborted === true) break
    limit?.took(0, (performance.now() - startedMs) / 1000)
    output.log(`[${outcomes.length + 1}/${variants.length}] ${describeOutcome(outcome)}`)
    outcomes.push(outcome)
  }
  const left = variants.slice(outcomes.length).map(({ title: each }) => each)
  if (outcomes.length === 0) throw new AbortedError('--time-limit ended the suite before anything was measured')
  if (left.length > 0) output.log(`left out, since there was no time for it: ${left.join('; ')}`)
  const report: QualityReport = {
    flexgenQuality: 1,
    title,
    createdAt: new Date().toISOString(),
    machine: examineMachine(),
    command,
    model: settings.model,
    windowTokens: settings.windowTokens,
    strideTokens: Math.floor(settings.windowTokens / 2),
    windows: outcomes[0]?.measurement?.windows ?? 0,
    notices: [...new Set(outcomes.flatMap(({ measurement }) => measurement?.notices ?? []))],
    rows: qualityRows(outcomes),
  }
  const { renderQualityPage } = await import('./render-quality-page.ts')
  const files = await writeTexts(folder, {
    'report.json': `${JSON.stringify(report, undefined, 2)}\n`,
    'report.csv': formatQualityCsv(report),
    'report.html': await renderQualityPage(report),
  })
  if (options.json === true) output.out(JSON.stringify(report))
  else for (const line of describeQuality(report)) output.out(line)
  for (const file of files) output.log(`written: ${file}`)
  const failure = outcomes.find(({ failure: each }, i) => each !== undefined && (i === 0 || !isLimit(each.code)))
  if (failure?.failure !== undefined) throw toError(failure.failure)
  return report
}

/** The baseline, and the variants with a text in their title; all where there is none. */
function chosenVariants(only: string | undefined): readonly QualityVariant[] {
  if (only === undefined) return qualityVariants
  const [baseline, ...others] = qualityVariants
  const found = others.filter(({ title }) => title.toLowerCase().includes(only.toLowerCase()))
  if (found.length > 0) return [baseline!, ...found]
  throw new UsageError(`no variant of suite quality has '${only}' in its title`, {
    hint: others.map(({ title }) => title).join('; '),
  })
}

async function measureInChild(settings: QualitySettings, options: MeasureOptions): Promise<QualityMeasurement> {
  return (await runChild({ type: 'quality', settings }, options)).result
}

async function outcomeOf(
  variant: QualityOutcome['variant'],
  work: () => Promise<QualityMeasurement>,
  signal: AbortSignal | undefined,
): Promise<QualityOutcome> {
  try {
    return { variant, measurement: await work() }
  } catch (error) {
    if (signal?.aborted) throw error
    return { variant, failure: toFailure(error) }
  }
}

/** Whether a failure says no more than that a backend has not what a variant needs. */
function isLimit(code: string): boolean {
  return code === 'UNSUPPORTED_DATA'
}

function describeOutcome({ variant: { title }, measurement, failure }: QualityOutcome): string {
  if (measurement === undefined) return `${title}: ${failure?.message}`
  const { nats, tokens, seconds } = measurement
  return `${title}: perplexity ${formatNumber(Math.exp(nats / tokens))} in ${formatSeconds(seconds)}`
}
