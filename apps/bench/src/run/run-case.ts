import type { CaseSettings } from '../case/case-settings.ts'
import { throughputOf } from '../formulas/throughput.ts'
import type { MeasureOptions } from '../measure/measure-case.ts'
import type { Repetition } from './outcome.ts'
import { runChild } from './run-child.ts'

/**
 * Measures a case once in a process of its own. A fresh process each time keeps repetitions apart: no warm code, no
 * pools and arenas of the run before, and a peak of memory that is this run's; and it is how the other side runs.
 * @throws {FlexgenError} what the case failed with; `OUT_OF_MEMORY` where the system killed it; `ABORTED`
 */
export async function runCase(settings: CaseSettings, options: MeasureOptions = {}): Promise<Repetition> {
  const startedAt = new Date().toISOString()
  const startMs = performance.now()
  const { result: measurement, processMemory } = await runChild(
    { type: 'case', settings, traceFile: options.traceFile },
    options,
  )
  const { prefillSeconds, decodeSeconds, work } = measurement
  return {
    startedAt,
    wallSeconds: (performance.now() - startMs) / 1000,
    prefillSeconds,
    decodeSeconds,
    ...throughputOf(work, measurement),
    ...(processMemory !== undefined && { processMemory }),
    measurement,
  }
}
