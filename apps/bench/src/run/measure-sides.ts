import type { CaseProgress, MeasureOptions } from '../measure/measure-case.ts'
import { runCase } from './run-case.ts'
import { runCommand } from './run-command.ts'
import { toFailure } from './failure.ts'
import type { Outcome, Repetition } from './outcome.ts'
import type { Side } from './side.ts'

/** One run of one side in the plan; runs to warm up have no repetition number. */
export interface PlannedRun {
  readonly side: number
  /** From 0; undefined for a run that warms up and is not kept. */
  readonly repetition: number | undefined
}

/** What has been measured already: outcomes by side and repetition. */
export type Outcomes = ReadonlyMap<number, ReadonlyMap<number, Outcome>>

/** How sides are measured. */
export interface MeasureSidesOptions {
  readonly sides: readonly Side[]
  readonly repeat: number
  /** Whole runs of each side that are thrown away first: they fill the page cache. */
  readonly warmUp: number
  /** Outcomes of an earlier sitting. */
  readonly done?: Outcomes
  readonly signal?: AbortSignal | undefined
  /** Whether there is time for a run; where there is not, no more are begun. */
  readonly mayStart?: ((run: PlannedRun) => boolean) | undefined
  readonly onStart?: (run: PlannedRun) => void
  readonly onProgress?: (progress: CaseProgress) => void
  /** Told every outcome, warm-up included, before the next run starts. */
  readonly onOutcome?: (run: PlannedRun, outcome: Outcome) => Promise<void> | void
  /** File for a Chrome trace of a run; undefined for none. */
  readonly traceOf?: ((run: PlannedRun) => string | undefined) | undefined
  /** Runs a side once; a process of its own by default. */
  readonly execute?: (side: Side, options: MeasureOptions) => Promise<Repetition>
}

/**
 * The order of the runs: every side warms up, then one repetition of every side after the other, so that what changes
 * on the machine hits all sides alike. Sides with nothing left to measure are left out.
 */
export function planRuns({ sides, repeat, warmUp, done = new Map() }: MeasureSidesOptions): PlannedRun[] {
  const isOpen = ({ side, repetition }: PlannedRun): boolean => done.get(side)?.has(repetition!) !== true
  const hasFailed = (side: number): boolean => [...(done.get(side)?.values() ?? [])].some(({ ok }) => !ok)
  const indices = sides.map((_, side) => side).filter((side) => !hasFailed(side))
  const runs = range(repeat).flatMap((repetition) => indices.map((side) => ({ side, repetition })).filter(isOpen))
  const open = new Set(runs.map(({ side }) => side))
  const warmUps = range(warmUp).flatMap(() => [...open].toSorted((a, b) => a - b))
  return [...warmUps.map((side) => ({ side, repetition: undefined })), ...runs]
}

/**
 * Runs what the plan says, one at a time. A side that fails is not run again; the others go on.
 * @throws {FlexgenError} `ABORTED` after the signal
 */
export async function measureSides(options: MeasureSidesOptions): Promise<void> {
  const { sides, signal, onProgress, execute = executeSide } = options
  const failed = new Set<number>()
  for (const run of planRuns(options)) {
    if (failed.has(run.side)) continue
    signal?.throwIfAborted()
    if (options.mayStart?.(run) === false) return
    options.onStart?.(run)
    const outcome = await outcomeOf(
      () => execute(sides[run.side]!, { signal, traceFile: options.traceOf?.(run), ...(onProgress && { onProgress }) }),
      signal,
    )
    if (!outcome.ok) failed.add(run.side)
    await options.onOutcome?.(run, outcome)
  }
}

async function outcomeOf(work: () => Promise<Repetition>, signal: AbortSignal | undefined): Promise<Outcome> {
  try {
    return { ok: true, repetition: await work() }
  } catch (error) {
    if (signal?.aborted) throw error
    return { ok: false, failure: toFailure(error) }
  }
}

function executeSide(side: Side, options: MeasureOptions): Promise<Repetition> {
  return side.kind === 'flexgen' ? runCase(side.settings, options) : runCommand(side.command, options)
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}
