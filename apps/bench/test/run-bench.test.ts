import { InfeasibleError } from '@flexgen/spec'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { BenchOptions } from '../src/bench-options.ts'
import { benchReportSchema } from '../src/report/bench-report.ts'
import { type BenchSeams, runBench } from '../src/run-bench.ts'
import type { Repetition } from '../src/run/outcome.ts'
import { sampleMeasurement } from './support/sample-report.ts'

const place = mkdtempSync(path.join(tmpdir(), 'flexgen-bench-'))
afterAll(() => rmSync(place, { recursive: true, force: true }))

const read = (...names: string[]): string => readFileSync(path.join(place, ...names), 'utf8')

const repetition: Repetition = {
  startedAt: '2026-11-20T10:00:00.000Z',
  wallSeconds: 6,
  prefillSeconds: 1,
  decodeSeconds: 4,
  prefillTokensPerSecond: 20,
  decodeTokensPerSecond: 2,
  totalTokensPerSecond: 2,
  measurement: sampleMeasurement,
}

/** A benchmark with made-up runs; what was printed and what ran is kept. */
function bench(options: BenchOptions, seams: BenchSeams = {}) {
  const printed: string[] = []
  const logged: string[] = []
  const ran: string[] = []
  const output = { out: (line: string) => void printed.push(line), log: (line: string) => void logged.push(line) }
  const ended = runBench(options, output, {
    measureLinks: () => Promise.resolve([]),
    execute: ({ title }) => {
      ran.push(title)
      return Promise.resolve(repetition)
    },
    ...seams,
  })
  return { printed, logged, ran, ended }
}

const five = [
  'model size: 0.000 GB\tcache size: 0.000 GB\thidden size (p): 0.000 GB',
  'peak gpu mem: 0.000 GB\tprojected: False',
  'prefill latency: 1.000 s\tprefill throughput: 20.000 token/s',
  'decode latency: 4.000 s\tdecode throughput: 2.000 token/s',
  'total latency: 5.000 s\ttotal throughput: 2.000 token/s',
]

describe('a benchmark', () => {
  it('prints and logs as FlexGen does, and leaves the report', async () => {
    const logFile = path.join(place, 'log.md')
    const outputDir = path.join(place, 'a')
    const flags = { model: 'facebook/opt-125m', gpuBatchSize: 2 }
    const { printed, logged, ran, ended } = bench({ flags, outputDir, logFile, repeat: 2 })
    const report = await ended
    const title = 'opt-125m: 512/32, auto, 2x1'
    expect(ran).toEqual([title, title, title])
    expect(printed.slice(0, 7)).toEqual([title, ...five, ''])
    expect(printed[7]).toContain('median of 2 [min..max]')
    const command = `flexgen bench --model facebook/opt-125m --gpu-batch-size 2 --log-file ${logFile}`
    expect(readFileSync(logFile, 'utf8')).toBe(`#### ${title}\n\`\`\`\n${command}\n${five.join('\n')}\n\`\`\`\n`)
    expect(readdirSync(outputDir).toSorted()).toEqual(['report.csv', 'report.html', 'report.json', 'results.jsonl'])
    expect(benchReportSchema.parse(JSON.parse(read('a', 'report.json')))).toEqual(report)
    expect(read('a', 'results.jsonl').trimEnd().split('\n')).toHaveLength(1 + 2)
    expect(logged[0]).toMatch(/^\[1\/3\] .*, warm-up: prefill 1 s/)
    expect(logged.at(-1)).toBe(`written: ${path.join(outputDir, 'report.html')}`)
  })

  it('goes on where it was stopped', async () => {
    const outputDir = path.join(place, 'b')
    const options = { suite: 'small', only: 'weights in RAM', outputDir, repeat: 3, warmUp: 1, log: false }
    const controller = new AbortController()
    let runs = 0
    const stopped = bench(
      { ...options, signal: controller.signal },
      {
        execute: () => {
          if (++runs === 3) controller.abort()
          return runs === 3 ? Promise.reject(new InfeasibleError('stopped')) : Promise.resolve(repetition)
        },
      },
    )
    await expect(stopped.ended).rejects.toThrow('stopped')
    await expect(bench(options).ended).rejects.toMatchObject({
      code: 'USAGE',
      hint: expect.stringContaining('--resume'),
    })
    const again = bench({ ...options, resume: true })
    const report = await again.ended
    // One to warm up, and the two that were missing.
    expect(again.ran).toHaveLength(3)
    expect(report).toMatchObject({ sittings: 2, title: 'small' })
    expect(report.sides[0]!.repetitions.map(({ repetition: number, sitting }) => [number, sitting])).toEqual([
      [0, 0],
      [1, 1],
      [2, 1],
    ])
    expect(readdirSync(outputDir).some((name) => name.endsWith('.log'))).toBe(false)
    const other = bench({ ...options, only: 'weights on disk', resume: true })
    await expect(other.ended).rejects.toThrow('has results of other commands')
  })

  it('has its report after every run, and ends well where its time is over', async () => {
    const outputDir = path.join(place, 'limited')
    const there: number[] = []
    const options = { suite: 'small', only: 'weights in RAM', outputDir, repeat: 9, warmUp: 0, log: false }
    const limited = bench(
      { ...options, timeLimitSeconds: 3 },
      {
        execute: async (_, { signal }) => {
          const isReported = existsSync(path.join(outputDir, 'report.html'))
          there.push(
            isReported
              ? benchReportSchema.parse(JSON.parse(read('limited', 'report.json'))).sides[0]!.repetitions.length
              : 0,
          )
          if (there.length === 3)
            await new Promise((_resolve, reject) =>
              signal!.addEventListener('abort', () => reject(signal!.reason as Error)),
            )
          return repetition
        },
      },
    )
    const report = await limited.ended
    // Every run found the report of those before it; the last was stopped, or not begun on a machine that is that slow.
    expect(there).toEqual([...there.keys()])
    const done = report.sides[0]!.repetitions.length
    expect(done).toBe(Math.min(2, there.length))
    expect(limited.logged.some((line) => line.includes(`--resume --output-dir ${outputDir}`))).toBe(true)
    const rest = bench({ ...options, resume: true })
    expect((await rest.ended).sides[0]!.repetitions).toHaveLength(9)
    expect(rest.ran).toHaveLength(9 - done)
  })

  it('measures and reports the others where one fails, and fails with it', async () => {
    const outputDir = path.join(place, 'c')
    const { printed, ended } = bench(
      { commands: ['--model a', '--model b'], outputDir, repeat: 1, json: true },
      {
        execute: ({ title }) =>
          title.startsWith('a')
            ? Promise.reject(new InfeasibleError('too large', { hint: 'h' }))
            : Promise.resolve(repetition),
      },
    )
    await expect(ended).rejects.toMatchObject({ code: 'INFEASIBLE', message: 'too large', hint: 'h', exitCode: 3 })
    const report = benchReportSchema.parse(JSON.parse(printed.join('\n')))
    expect(report.sides.map(({ failure, summary }) => [failure?.code, summary?.decodeSeconds.median])).toEqual([
      ['INFEASIBLE', undefined],
      [undefined, 4],
    ])
    expect(readdirSync(outputDir)).toContain('fo-b-gbs4-ngbs1-prompt512-gen32-percent-100-0-100-0-100-0-gpu-cache.log')
  })

  it('refuses what cannot be before it makes anything', async () => {
    const outputDir = path.join(place, 'd')
    await expect(bench({ flags: { reallocateTiming: 4 }, outputDir }).ended).rejects.toMatchObject({ code: 'USAGE' })
    await expect(bench({ repeat: 0, outputDir }).ended).rejects.toMatchObject({ code: 'USAGE' })
    expect(existsSync(outputDir)).toBe(false)
    const under = path.join(place, 'log.md', 'e')
    await expect(bench({ outputDir: under }).ended).rejects.toMatchObject({ code: 'NOT_WRITABLE' })
  })

  it('runs for real, side by side with a foreign command', async () => {
    const outputDir = path.join(place, 'real')
    const printed: string[] = []
    const line = JSON.stringify({ prefill_s: 100, decode_s: 100, decode_tok_s: 0.06 })
    const report = await runBench(
      {
        flags: {
          model: 'demo',
          offloadDir: path.join(place, 'offload'),
          promptLen: 8,
          maxNewTokens: 4,
          gpuBatchSize: 2,
        },
        commands: ['--percent 0 0 100 0 100 0'],
        against: [`slow: echo '${line}'`],
        outputDir,
        repeat: 1,
        warmUp: 0,
      },
      { out: (text) => void printed.push(text), log: () => undefined },
    )
    expect(report.comparison).toMatchObject({ base: 1, sides: [{ side: 0 }] })
    expect(report.comparison!.sides[0]!.decode.ofMedians).toBeGreaterThan(10)
    expect(report.comparison!.sides[0]!.prefill.ofMedians).toBeGreaterThan(10)
    expect(report.links.map(({ link, direct }) => [link, direct])).toContainEqual(['disk read', false])
    expect(report.sides[0]!.links).toContainEqual(expect.objectContaining({ link: 'disk read', phase: 'decode' }))
    expect(printed.join('\n')).toMatch(/speed against slow/)
    expect(read('real', 'report.html')).toContain('One decode step, queue by queue')
    expect(readdirSync(path.join(place, 'offload'))).toEqual([])
  })
})
