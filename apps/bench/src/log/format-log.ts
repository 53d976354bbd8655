import type { ReplacementReport } from '@flexgen/core'
import type { LogFigures } from './log-figures.ts'
import { pythonFixed3 } from './python-fixed.ts'

/** FlexGen's five lines (`write_benchmark_log`), byte for byte: tabs between fields, three decimals, GB of 2^30 bytes. */
export function formatLogLines(figures: LogFigures): string[] {
  const size = (bytes: number): string => `${pythonFixed3(bytes / 2 ** 30)} GB`
  const seconds = (value: number): string => `${pythonFixed3(value)} s`
  const rate = (value: number): string => `${pythonFixed3(value)} token/s`
  const { prefillSeconds, decodeSeconds } = figures
  return [
    `model size: ${size(figures.modelBytes)}\tcache size: ${size(figures.cacheBytes)}\thidden size (p): ${size(figures.hiddenBytes)}`,
    `peak gpu mem: ${size(figures.peakDeviceBytes)}\tprojected: ${figures.projected ? 'True' : 'False'}`,
    `prefill latency: ${seconds(prefillSeconds)}\tprefill throughput: ${rate(figures.prefillTokensPerSecond)}`,
    `decode latency: ${seconds(decodeSeconds)}\tdecode throughput: ${rate(figures.decodeTokensPerSecond)}`,
    `total latency: ${seconds(prefillSeconds + decodeSeconds)}\ttotal throughput: ${rate(figures.totalTokensPerSecond)}`,
  ]
}

/** An entry as FlexGen's suites append it: a title, and in a code fence the command and its five lines; moves behind it. */
export function formatLogEntry(
  title: string,
  command: string,
  figures: LogFigures,
  replacement?: ReplacementReport,
): string {
  const moves = replacement === undefined ? [] : [describeReplacement(replacement)]
  return [`#### ${title}`, '```', command, ...formatLogLines(figures), '```', ...moves, ''].join('\n')
}

/** What re-placement did, in one line. */
export function describeReplacement({
  timing,
  reallocator,
  includePunish,
  moveSeconds,
  movedCacheBytes,
  steps,
}: ReplacementReport): string {
  const counts = new Map<string, number>()
  for (const { what } of steps) counts.set(what, (counts.get(what) ?? 0) + 1)
  const did = [...counts].map(([what, count]) => `${what} ${count}x`).join(', ')
  const counted = includePunish ? 'counted' : 'not counted'
  return `reallocation (timing ${timing}, ${reallocator}): ${pythonFixed3(moveSeconds)} s between steps, ${counted}; ${pythonFixed3(movedCacheBytes / 2 ** 30)} GB of KV moved; ${did === '' ? 'nothing to move' : did}`
}
