import { openBackend } from 'flexgen'
import { createAttentionWork } from './attention-work.ts'
import { measureCallCost } from './call-cost.ts'
import { kernelCases, scalingCases } from './kernel-cases.ts'
import { type KernelCase, titleOf } from './kernel-case.ts'
import type { CallCost, KernelLimits } from './kernel-report.ts'
import type { TimedCase } from './kernel-rows.ts'
import { createLinearWork } from './linear-work.ts'
import { timeRuns } from './time-runs.ts'

/** What is measured, and who is told. */
export interface MeasureKernelsOptions {
  readonly threads: number
  /** Keeps the cases with this text in their title or part, in any case. */
  readonly only?: string | undefined
  /** Milliseconds of a case; default 600. */
  readonly caseMs?: number
  /** Bytes of weights or KV that runs of a case go through: by default more than any cache of a machine in reach holds. */
  readonly coldBytes?: number
  readonly measureLimits?: (threads: number) => Promise<KernelLimits & { readonly level: string }>
  readonly signal?: AbortSignal | undefined
  /** Whether there is time for another one; always by default. */
  readonly mayStart?: (() => boolean) | undefined
  readonly onTimed?: (timed: TimedCase) => void
}

/** What was measured. */
export interface KernelMeasurement {
  readonly level: string
  readonly limits: readonly KernelLimits[]
  readonly call: CallCost
  readonly timed: readonly TimedCase[]
}

/**
 * Times the host kernels, and what the machine can do at most, before and behind them.
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE` where there are no host kernels; `ABORTED`
 */
export async function measureKernels(options: MeasureKernelsOptions): Promise<KernelMeasurement> {
  const { threads, only = '', signal, mayStart = () => true } = options
  const isWanted = (each: KernelCase): boolean =>
    `${each.part}: ${titleOf(each)}`.toLowerCase().includes(only.toLowerCase())
  const { level, call, timed, limits } = await measureThreads(threads, kernelCases.filter(isWanted), options)
  const all = { timed: [...timed], limits: [limits] }
  const scaling = scalingCases.filter(isWanted)
  for (const count of scaling.length > 0 ? threadCounts(threads) : []) {
    signal?.throwIfAborted()
    if (!mayStart()) break
    const some = await measureThreads(count, scaling, options)
    all.timed.push(...some.timed)
    if (count === threads) all.limits[0] = bestOf(limits, some.limits)
    else all.limits.push(some.limits)
  }
  return { level, call, ...all }
}

/** 1, 2, 4 and so on, up to all. */
function threadCounts(most: number): number[] {
  const counts: number[] = []
  for (let count = 1; count < most; count *= 2) counts.push(count)
  return [...counts, most]
}

async function measureThreads(threads: number, cases: readonly KernelCase[], options: MeasureKernelsOptions) {
  const { caseMs = 600, coldBytes = 192 * 2 ** 20, signal, mayStart = () => true, onTimed } = options
  const { backend } = await openBackend('native', { threads })
  await using _ = backend
  const measureLimits = options.measureLimits ?? (await import('@flexgen/backend-native')).measureHostLimits
  const before = await measureLimits(threads)
  const timed: TimedCase[] = []
  for (const kernelCase of cases) {
    signal?.throwIfAborted()
    if (!mayStart()) break
    await using work =
      kernelCase.kind === 'linear'
        ? await createLinearWork(backend, kernelCase, coldBytes)
        : await createAttentionWork(backend, kernelCase, coldBytes)
    const times = await timeRuns(backend, work, kernelCase.part === 'prefill' ? 4 * caseMs : caseMs)
    const { readBytes, multiplies } = work
    const each = { kernelCase, threads, times, work: { readBytes, multiplies } }
    timed.push(each)
    onTimed?.(each)
  }
  const call = await measureCallCost(backend)
  return { level: before.level, call, timed, limits: bestOf(before, await measureLimits(threads)) }
}

/** Others may have used the machine while either was measured. */
function bestOf(a: KernelLimits, b: KernelLimits): KernelLimits {
  return {
    threads: a.threads,
    readBytesPerSecond: Math.max(a.readBytesPerSecond, b.readBytesPerSecond),
    multipliesPerSecond: Math.max(a.multipliesPerSecond, b.multipliesPerSecond),
    pairMultipliesPerSecond: Math.max(a.pairMultipliesPerSecond, b.pairMultipliesPerSecond),
  }
}
