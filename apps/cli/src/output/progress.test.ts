import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createProgress, describeStep } from './progress.ts'
import type { Output } from './terminal.ts'

function record(isTerminal: boolean): { readonly output: Output; readonly text: () => string } {
  let text = ''
  const write = (more: string): void => void (text += more)
  const output: Output = {
    isTerminal,
    write,
    writeLine: (line = '') => write(`${line}\n`),
    style: (_, styled) => styled,
  }
  return { output, text: () => text }
}

const step = (done: number) => ({ label: 'loading weights', done, total: 1000, unit: 'bytes' as const })

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('progress', () => {
  it('redraws one line on a terminal and removes it', () => {
    let nowMs = 0
    const { output, text } = record(true)
    const progress = createProgress(output, () => nowMs)
    for (const [atMs, done] of [
      [0, 0],
      [50, 100],
      [200, 500],
      [220, 600],
      [400, 900],
    ] as const) {
      nowMs = atMs
      progress.update(step(done))
    }
    progress.clear()
    progress.clear()
    expect(text().split('\r\u001b[2K')).toEqual([
      '',
      'loading weights: 500 B of 1.00 kB, 50 %, 2.50 kB/s, 0.20 s left',
      'loading weights: 900 B of 1.00 kB, 90 %, 2.25 kB/s, 0.04 s left',
      '',
    ])
  })

  it('writes a plain line every three seconds elsewhere, and nothing of a short job', () => {
    let nowMs = 0
    const { output, text } = record(false)
    const progress = createProgress(output, () => nowMs)
    for (nowMs = 0; nowMs <= 6500; nowMs += 500) progress.update(step(nowMs / 10))
    progress.clear()
    expect(text()).toBe(
      'loading weights: 300 B of 1.00 kB, 30 %, 100 B/s, 7.00 s left\n' +
        'loading weights: 600 B of 1.00 kB, 60 %, 100 B/s, 4.00 s left\n',
    )
  })

  it('goes on while nothing is done, on a terminal, and stops when it is cleared', () => {
    let nowMs = 0
    const { output, text } = record(true)
    const progress = createProgress(output, () => nowMs)
    const tick = (): void => {
      nowMs += 500
      vi.advanceTimersByTime(500)
    }
    progress.update({ label: 'generating', done: 0, total: 8, unit: 'tokens' })
    tick()
    tick()
    progress.clear()
    tick()
    expect(vi.getTimerCount()).toBe(0)
    expect(text().split('\r\u001b[2K')).toEqual([
      '',
      'generating: 0 of 8 tokens, 0 %, 0.50 s so far',
      'generating: 0 of 8 tokens, 0 %, 1.00 s so far',
      '',
    ])
  })

  it('counts tokens, and does not divide by nothing', () => {
    expect(describeStep({ label: 'generating', done: 30, total: 120, unit: 'tokens' }, 10)).toBe(
      'generating: 30 of 120 tokens, 25 %, 3.00 tokens/s, 30.0 s left',
    )
    expect(describeStep({ label: 'x', done: 0, total: 0, unit: 'bytes' }, 0)).toBe(
      'x: 0 B of 0 B, 100 %, 0.00 s so far',
    )
  })
})
