import { type KernelCase, titleOf } from './kernel-case.ts'
import type { KernelLimits, KernelRow } from './kernel-report.ts'
import type { KernelWork } from './kernel-work.ts'
import type { RunTimes } from './time-runs.ts'

/** A case that was timed. */
export interface TimedCase {
  readonly kernelCase: KernelCase
  readonly threads: number
  readonly work: Pick<KernelWork, 'readBytes' | 'multiplies'>
  readonly times: RunTimes
}

/** Rows of the report: times beside those at the limits of the machine, and beside float16's. */
export function kernelRows(timed: readonly TimedCase[], limits: readonly KernelLimits[]): KernelRow[] {
  return timed.map((each) => {
    const { kernelCase, threads, work, times } = each
    const { kind, part, dtype } = kernelCase
    const machine = limits.find((limit) => limit.threads === threads)!
    const isPairs = kernelCase.kind === 'linear' && kernelCase.compute === 'bfloat16' && dtype === 'bfloat16'
    const multipliesPerSecond = isPairs ? machine.pairMultipliesPerSecond : machine.multipliesPerSecond
    const readMs = (1e3 * work.readBytes) / machine.readBytesPerSecond
    const multiplyMs = (1e3 * work.multiplies) / multipliesPerSecond
    const float16 = timed.find((other) => other !== each && isFloat16Of(other, each))
    return {
      part,
      title: titleOf(kernelCase),
      kind,
      dtype,
      threads,
      ...times,
      readBytes: work.readBytes,
      multiplies: work.multiplies,
      bound: readMs >= multiplyMs ? 'memory' : 'multiplying',
      limitMs: Math.max(readMs, multiplyMs),
      ...(float16 !== undefined && { timesFloat16: float16.times.medianMs / times.medianMs }),
    }
  })
}

/** Whether one is the other but for its dtypes, which are float16's. */
function isFloat16Of(other: TimedCase, { kernelCase, threads }: TimedCase): boolean {
  const plain = (each: KernelCase): string => JSON.stringify({ ...each, dtype: 'float16', compute: 'float32' })
  const { dtype } = other.kernelCase
  return dtype === 'float16' && other.threads === threads && plain(other.kernelCase) === plain(kernelCase)
}
