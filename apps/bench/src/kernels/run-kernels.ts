import { loadavg } from 'node:os'
import { AbortedError } from '@flexgen/spec'
import type { BenchOptions, BenchOutput } from '../bench-options.ts'
import { formatNumber } from '../format/format-amount.ts'
import { makeOutputFolder, writeTexts } from '../run/output-folder.ts'
import { TimeLimit } from '../run/time-limit.ts'
import { examineMachine } from '../system/machine.ts'
import { describeKernels } from './describe-kernels.ts'
import { titleOf } from './kernel-case.ts'
import { kernelThreads } from './kernel-options.ts'
import type { KernelReport } from './kernel-report.ts'
import { kernelRows } from './kernel-rows.ts'
import { measureKernels, type MeasureKernelsOptions } from './measure-kernels.ts'

/** What measuring may be given instead of what it does by itself; for tests. */
export type KernelSeams = Pick<MeasureKernelsOptions, 'caseMs' | 'coldBytes' | 'measureLimits'>

/**
 * The suite `kernels`: times of the host kernels beside the limits of the machine, with a table, `report.json`,
 * `report.html` and the plot `roofline.svg`.
 * @throws {UsageError} for flags that the suite does not take
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE` where there are no host kernels; `ABORTED`
 */
export async function runKernels(
  options: BenchOptions,
  output: BenchOutput,
  seams: KernelSeams = {},
): Promise<KernelReport> {
  const threads = kernelThreads(options)
  const { signal, only, title = 'kernels' } = options
  const folder = await makeOutputFolder(options.outputDir, title)
  const load = (): number => loadavg()[0]!
  const before = load()
  const limit = TimeLimit.of(options)
  const { timed, limits, level, call } = await measureKernels({
    ...seams,
    threads,
    only,
    signal,
    mayStart: () => limit?.allows(0) ?? true,
    onTimed: ({ kernelCase, threads: count, times }) =>
      output.log(`${titleOf(kernelCase)}, ${count} threads: ${formatNumber(times.medianMs)} ms`),
  })
  if (timed.length === 0 && limit?.isReached === true)
    throw new AbortedError('--time-limit ended the suite before anything was measured')
  if (limit?.isReached === true) output.log('there was no time for the rest of the kernels')
  const report: KernelReport = {
    flexgenKernels: 1,
    title,
    createdAt: new Date().toISOString(),
    machine: examineMachine(),
    level,
    loadAverages: [before, load()],
    limits,
    call,
    rows: kernelRows(timed, limits),
  }
  const { renderKernelsPage } = await import('./render-kernels-page.ts')
  const { rooflinePlot } = await import('./roofline-plot.ts')
  const { renderImage } = await import('../page/render-plot.ts')
  const files = await writeTexts(folder, {
    'report.json': `${JSON.stringify(report, undefined, 2)}\n`,
    'report.html': await renderKernelsPage(report),
    'roofline.svg': await renderImage(rooflinePlot(report)),
  })
  if (options.json === true) output.out(JSON.stringify(report))
  else for (const line of describeKernels(report)) output.out(line)
  for (const file of files) output.log(`written: ${file}`)
  return report
}
