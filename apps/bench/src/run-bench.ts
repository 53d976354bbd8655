import { FlexgenError, UsageError } from '@flexgen/spec'
import path from 'node:path'
import type { BenchOptions, BenchOutput } from './bench-options.ts'
import { checkFlexLlmGen } from './compare/check-flexllmgen.ts'
import { formatLogLines } from './log/format-log.ts'
import { appendLog } from './log/write-log.ts'
import type { MeasuredLink } from './measure/measured-link.ts'
import type { BenchReport } from './report/bench-report.ts'
import { buildReport } from './report/build-report.ts'
import { describeReport } from './report/describe-report.ts'
import { writeReport } from './report/write-report.ts'
import { listSides } from './run/list-sides.ts'
import { measureSides, type MeasureSidesOptions, planRuns } from './run/measure-sides.ts'
import { toError } from './run/failure.ts'
import type { Failure, Outcome } from './run/outcome.ts'
import { makeOutputFolder } from './run/output-folder.ts'
import { openResults, type ResultLine } from './run/results-file.ts'
import { measuresMachine, profileSitting } from './run/profile-sitting.ts'
import { runChild } from './run/run-child.ts'
import { createRunDiary } from './run/run-diary.ts'
import type { Side } from './run/side.ts'
import { TimeLimit } from './run/time-limit.ts'
import { checkSimulatedSides, profileOf, simulatedLinks } from './simulate/simulated-sides.ts'
import { examineMachine } from './system/machine.ts'

/** What a benchmark may be given instead of what it does by itself; for tests. */
export type BenchSeams = Pick<MeasureSidesOptions, 'execute'> & {
  readonly measureLinks?: (sides: readonly Side[]) => Promise<readonly MeasuredLink[]>
  readonly checkOriginal?: typeof checkFlexLlmGen
  readonly profileSitting?: typeof profileSitting
}

/**
 * Runs a benchmark: measures all sides in turn, keeps every result as it comes, appends FlexGen's log, prints a table
 * and writes the report. A side that fails does not keep the others from being measured and reported.
 * @throws {FlexgenError} for what is wrong before anything runs; what the first failed side failed with, once the
 * report is written; `ABORTED` after the signal: what was measured is kept for `resume`
 */
export async function runBench(
  options: BenchOptions,
  output: BenchOutput,
  seams: BenchSeams = {},
): Promise<BenchReport> {
  const { signal } = options
  const { sides, warmUpTokens } = listSides(options)
  // A simulation is the same every time.
  const isSimulated = sides.every((side) => profileOf(side) !== undefined)
  const { repeat = isSimulated ? 1 : 3, warmUp = isSimulated ? 0 : 1 } = options
  if (repeat < 1) throw new UsageError(`--repeat must be 1 or above, got ${repeat}`)
  await checkSimulatedSides(sides)
  if (options.compare !== undefined) await (seams.checkOriginal ?? checkFlexLlmGen)(options.compare)
  const title = options.title ?? options.suite ?? 'run'
  const folder = await makeOutputFolder(options.outputDir, title)
  const file = await openResults(path.join(folder, 'results.jsonl'), sides, options.resume ?? false)
  const results: ResultLine[] = [...file.earlier]
  const failures = new Map<number, Failure>()
  const links = await (seams.measureLinks ?? measureLinksOf)(sides)
  const known = measuresMachine(options) ? await (seams.profileSitting ?? profileSitting)(sides, folder, signal) : sides
  const plan = { sides: known, repeat, warmUp, done: byRepetition(results) }
  const diary = createRunDiary(sides, planRuns(plan), output)
  const settings = { repeat, warmUp, warmUpTokens }
  const reportNow = (): BenchReport =>
    buildReport({ title, machine: examineMachine(), settings, sides, links, results, failures })
  const limit = TimeLimit.of(options)
  let startedMs = 0
  await measureSides({
    ...plan,
    ...seams,
    traceOf: traceFiles(options.trace, sides),
    signal: limit?.with(signal) ?? signal,
    mayStart: ({ side }) => limit?.allows(side) ?? true,
    onStart: (run) => {
      startedMs = performance.now()
      diary.begin(run)
    },
    onProgress: (step) => output.progress?.(step),
    onOutcome: async (run, outcome) => {
      diary.end(run, outcome)
      limit?.took(run.side, (performance.now() - startedMs) / 1000)
      if (!outcome.ok) failures.set(run.side, outcome.failure)
      if (run.repetition === undefined) return
      const line = { side: run.side, repetition: run.repetition, outcome }
      await file.add(line)
      results.push({ ...line, sitting: file.sitting })
      // Whatever ends the benchmark, the report of what it has measured is there.
      if (!isSimulated) await writeReport(reportNow(), folder)
    },
  })
    .catch((error: unknown) => {
      if (limit?.signal.aborted !== true || signal?.aborted) throw error
    })
    .finally(() => {
      output.clearProgress?.()
      if (signal?.aborted || limit?.isReached === true) {
        output.log(`what was measured is kept; go on with --resume --output-dir ${folder}`)
      }
    })
  const report = reportNow()
  const logs = await writeLogs(report, sides, options, folder)
  const files = await writeReport(report, folder)
  print(report, options, output)
  for (const each of new Set([...logs, ...files])) output.log(`written: ${each}`)
  const [failure] = report.sides.flatMap((side) => side.failure ?? [])
  if (failure !== undefined) throw toError(failure)
  return report
}

/** Where the trace of a run goes: the first measured one of each of our sides has one. */
function traceFiles(file: string | undefined, sides: readonly Side[]): MeasureSidesOptions['traceOf'] {
  if (file === undefined) return undefined
  const { dir, name, ext } = path.parse(file)
  return ({ side, repetition }) => {
    if (repetition !== 0 || sides[side]!.kind !== 'flexgen') return undefined
    return sides.length === 1 ? file : path.join(dir, `${name}-${side + 1}${ext}`)
  }
}

/** Bandwidth of the disk where our sides keep scratch; it only explains, so a failure leaves it out. */
async function measureLinksOf(sides: readonly Side[]): Promise<readonly MeasuredLink[]> {
  const ours = sides.find((side) => side.kind === 'flexgen')
  if (ours === undefined) return []
  if (sides.some((side) => profileOf(side) !== undefined)) return simulatedLinks(sides)
  const { backend, offloadDir } = ours.settings
  try {
    return (await runChild({ type: 'links', options: { backend, offloadDir } })).result
  } catch (error) {
    if (FlexgenError.isInstance(error)) return []
    throw error
  }
}

function byRepetition(results: readonly ResultLine[]): Map<number, Map<number, Outcome>> {
  const bySide = new Map<number, Map<number, Outcome>>()
  for (const { side, repetition, outcome } of results) {
    const outcomes = bySide.get(side) ?? new Map<number, Outcome>()
    bySide.set(side, outcomes.set(repetition, outcome))
  }
  return bySide
}

/** FlexGen's log of the typical repetition of every case. */
async function writeLogs(
  report: BenchReport,
  sides: readonly Side[],
  { log = true, logFile = 'auto' }: BenchOptions,
  folder: string,
): Promise<string[]> {
  if (!log) return []
  const files: string[] = []
  for (const [i, { title, command, log: figures, typical }] of report.sides.entries()) {
    const side = sides[i]!
    if (figures === undefined || side.kind !== 'flexgen') continue
    const { settings } = side
    const parts = { ...settings, ...settings.policy }
    const replacement = typical?.measurement?.replacement
    const shown = logFile === 'auto' ? command : `${command} --log-file ${logFile}`
    files.push(await appendLog(logFile, folder, { title, command: shown, figures, parts, replacement }))
  }
  return files
}

function print(report: BenchReport, { json }: BenchOptions, { out }: BenchOutput): void {
  if (json === true) {
    out(JSON.stringify(report))
    return
  }
  for (const { title, log } of report.sides) {
    if (log !== undefined) for (const line of [title, ...formatLogLines(log), '']) out(line)
  }
  for (const line of describeReport(report)) out(line)
}
