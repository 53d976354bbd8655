import { openModel } from 'flexgen'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { formatLogEntry } from '../src/log/format-log.ts'
import { type LogFigures, logFiguresOf } from '../src/log/log-figures.ts'
import { pythonFixed3 } from '../src/log/python-fixed.ts'
import type { ModelSizes } from '../src/formulas/model-sizes.ts'

/** A run of the log that this project started from. */
interface SeedRun {
  readonly title: string
  readonly command: string
  readonly peakGpuGiB: number
  readonly prefillSeconds: number
  readonly prefillTokensPerSecond: number
  readonly decodeSeconds: number
  readonly decodeTokensPerSecond: number
  readonly totalSeconds: number
  readonly totalTokensPerSecond: number
  readonly modelSizeGiB: number
  readonly cacheSizeGiB: number
  readonly hiddenSizePrefillGiB: number
}

const fixture = (name: string): string => readFileSync(path.join(import.meta.dirname, 'fixtures', name), 'utf8')
const { runs } = JSON.parse(fixture('seed-runs.json')) as { runs: readonly SeedRun[] }
const work = { prompts: 160, blockPrompts: 160, promptTokens: 512, newTokens: 32, projected: false }
let sizes: ModelSizes

beforeAll(async () => {
  await using opened = await openModel({ model: 'facebook/opt-30b', path: '_DUMMY_' })
  const { facts, hiddenSize, vocabularySize } = opened.model
  sizes = { decoderLayers: facts.decoderLayers, hiddenSize, vocabularySize }
})

/** Half of the last digit that the log prints. */
const half = 0.0005

function figuresOf(run: SeedRun, prefillSeconds: number, decodeSeconds: number): LogFigures {
  return logFiguresOf(sizes, { ...work, prefillSeconds, decodeSeconds, peakDeviceBytes: run.peakGpuGiB * 2 ** 30 })
}

/**
 * Latencies that FlexGen may have measured: the log rounds them to 0.5 ms, and its throughputs and the total say
 * where within that they were.
 */
function latenciesOf(run: SeedRun): [prefill: number, decode: number] {
  const prefill = (work.prompts * work.promptTokens) / run.prefillTokensPerSecond
  const decode = Math.min(Math.max(run.totalSeconds - half + 1e-5 - prefill, run.decodeSeconds), run.totalSeconds)
  return [prefill, decode]
}

describe('the log of the seed', () => {
  it('has seven runs', () => expect(runs).toHaveLength(7))

  it.each(runs)('$title: every printed figure follows from the printed latencies', (run) => {
    const figures = figuresOf(run, run.prefillSeconds, run.decodeSeconds)
    const gib = (bytes: number): string => pythonFixed3(bytes / 2 ** 30)
    expect(gib(figures.modelBytes)).toBe(run.modelSizeGiB.toFixed(3))
    expect(gib(figures.cacheBytes)).toBe(run.cacheSizeGiB.toFixed(3))
    expect(gib(figures.hiddenBytes)).toBe(run.hiddenSizePrefillGiB.toFixed(3))
    // A latency is known to half a millisecond, so a throughput is known to that share of itself.
    const within = (value: number, printed: number, latency: number): void =>
      expect(Math.abs(value - printed)).toBeLessThanOrEqual(half + (printed * half) / latency)
    within(figures.prefillTokensPerSecond, run.prefillTokensPerSecond, run.prefillSeconds)
    within(figures.decodeTokensPerSecond, run.decodeTokensPerSecond, run.decodeSeconds)
    within(figures.totalTokensPerSecond, run.totalTokensPerSecond, run.totalSeconds)
  })

  it('comes out byte for byte', () => {
    const entries = runs.map((run) => {
      const [prefill, decode] = latenciesOf(run)
      expect(Math.abs(prefill - run.prefillSeconds)).toBeLessThanOrEqual(half)
      expect(Math.abs(decode - run.decodeSeconds)).toBeLessThanOrEqual(half)
      return formatLogEntry(run.title, run.command, figuresOf(run, prefill, decode))
    })
    expect(entries.join('')).toBe(fixture('bench_reallocate_30b.md'))
  })

  it('counts all prompts, and the KV of the largest block', () => {
    const run = { ...work, prefillSeconds: 10, decodeSeconds: 31, peakDeviceBytes: 0 }
    const one = logFiguresOf(sizes, run)
    const three = logFiguresOf(sizes, { ...run, prompts: 400, prefillSeconds: 25, decodeSeconds: 77.5 })
    expect([three.cacheBytes, three.hiddenBytes]).toEqual([one.cacheBytes, one.hiddenBytes])
    expect(three.prefillTokensPerSecond).toBe((400 * 512) / 25)
    expect(three.decodeTokensPerSecond).toBe((400 * 31) / 77.5)
    expect(three.totalTokensPerSecond).toBe((400 * 32) / 102.5)
  })

  it('divides by 1e-10 where nothing was decoded', () => {
    const figures = logFiguresOf(sizes, {
      ...work,
      newTokens: 1,
      prefillSeconds: 2,
      decodeSeconds: 0,
      peakDeviceBytes: 0,
    })
    expect([figures.decodeTokensPerSecond, figures.totalTokensPerSecond]).toEqual([0, 80])
  })
})
