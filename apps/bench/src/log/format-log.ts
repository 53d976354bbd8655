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

/** An entry as FlexGen's suites append it: a title, and in a code fence the command and its five lines. */
export function formatLogEntry(title: string, command: string, figures: LogFigures): string {
  return [`#### ${title}`, '```', command, ...formatLogLines(figures), '```', ''].join('\n')
}
