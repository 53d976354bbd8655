import { formatBytes, threeDigits } from '../format/format-bytes.ts'
import { formatDuration } from '../format/format-duration.ts'
import type { Output } from './terminal.ts'

/** How far a job has come. */
export interface ProgressStep {
  /** What is done, such as `loading weights`. */
  readonly label: string
  readonly done: number
  readonly total: number
  readonly unit: 'bytes' | 'tokens'
}

/** Shows how far a job has come, with rate and time left. */
export interface Progress {
  update(step: ProgressStep): void
  /** Removes the line from a terminal; the next update begins anew. */
  clear(): void
}

/** Milliseconds between two redraws on a terminal, and between two lines elsewhere. */
const intervals = { terminal: 100, plain: 3000 } as const
/** On a terminal the line is redrawn this often while nothing is done: the first token may take minutes. */
const tickMs = 500

/**
 * Progress on an output: one line that is redrawn on a terminal, a plain line every few seconds elsewhere. Nothing is
 * shown of a job that ends within the first interval.
 */
export function createProgress(output: Output, now: () => number = () => performance.now()): Progress {
  const intervalMs = output.isTerminal ? intervals.terminal : intervals.plain
  let latest: ProgressStep | undefined
  let startMs = 0
  let shownMs = 0
  let isDrawn = false
  let ticker: NodeJS.Timeout | undefined
  const draw = (): void => {
    const nowMs = now()
    if (latest === undefined || nowMs - shownMs < intervalMs) return
    shownMs = nowMs
    const line = describeStep(latest, (nowMs - startMs) / 1000)
    if (output.isTerminal) output.write(`\r\u001b[2K${output.style('dim', line)}`)
    else output.writeLine(line)
    isDrawn = output.isTerminal
  }
  const clear = (): void => {
    clearInterval(ticker)
    ticker = undefined
    if (isDrawn) output.write('\r\u001b[2K')
    isDrawn = false
    latest = undefined
  }
  return {
    update: (step) => {
      if (latest?.label !== step.label) {
        clear()
        startMs = shownMs = now()
        if (output.isTerminal) ticker = setInterval(draw, tickMs).unref()
      }
      latest = step
      draw()
    },
    clear,
  }
}

/** One line: `loading weights: 1.20 GB of 2.63 GB, 46 %, 1.10 GB/s, 1.30 s left`. */
export function describeStep({ label, done, total, unit }: ProgressStep, elapsedSeconds: number): string {
  const amount = (value: number): string => (unit === 'bytes' ? formatBytes(value) : `${threeDigits(value)} tokens`)
  const rate = elapsedSeconds > 0 ? done / elapsedSeconds : 0
  const parts = [
    unit === 'bytes' ? `${formatBytes(done)} of ${formatBytes(total)}` : `${done} of ${total} tokens`,
    `${total > 0 ? Math.floor((100 * done) / total) : 100} %`,
    ...(rate > 0
      ? [`${amount(rate)}/s`, `${formatDuration(Math.max(0, total - done) / rate)} left`]
      : [`${formatDuration(elapsedSeconds)} so far`]),
  ]
  return `${label}: ${parts.join(', ')}`
}
