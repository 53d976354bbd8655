import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { BenchOptions } from '../src/bench-options.ts'
import { runnerPath } from '../src/compare/flexllmgen-side.ts'
import { listSides } from '../src/run/list-sides.ts'
import { type BenchSeams, runBench } from '../src/run-bench.ts'
import type { Repetition } from '../src/run/outcome.ts'
import { runCommand } from '../src/run/run-command.ts'

const place = mkdtempSync(path.join(tmpdir(), 'flexgen-compare-'))
afterAll(() => rmSync(place, { recursive: true, force: true }))

/** What the original prints at last, as it stands in the log that this project started from. */
const log = [
  'model size: 55.803 GB\tcache size: 111.562 GB\thidden size (p): 1.162 GB',
  'peak gpu mem: 5.571 GB\tprojected: False',
  'prefill latency: 94.824 s\tprefill throughput: 863.914 token/s',
  'decode latency: 480.561 s\tdecode throughput: 10.321 token/s',
  'total latency: 575.385 s\ttotal throughput: 8.898 token/s',
]

const folder = path.join(place, 'FlexLLMGen')
mkdirSync(path.join(folder, 'flexllmgen'), { recursive: true })
writeFileSync(path.join(folder, 'flexllmgen', 'flex_opt.py'), '')

/** A program in Python's place: asked for a GPU it ends with `code`, else it prints such a log. */
function standIn(name: string, code: number): string {
  const file = path.join(place, name)
  const script = [
    `#!${process.execPath}`,
    "if (process.argv[2] === '-c') {",
    `  if (${code}) console.error('Traceback\\nno CUDA GPU for PyTorch')`,
    `  process.exit(${code})`,
    '}',
    `console.log(${JSON.stringify(['warmup - generate', ...log].join('\n'))})`,
  ]
  writeFileSync(file, `${script.join('\n')}\n`)
  chmodSync(file, 0o755)
  return file
}

const flags = {
  model: 'facebook/opt-30b',
  percent: [12, 78, 0, 100, 0, 100],
  gpuBatchSize: 32,
  numGpuBatches: 5,
  cpuCacheCompute: true,
  sepLayer: false,
}

const ours: Repetition = {
  startedAt: '2026-11-20T10:00:00.000Z',
  wallSeconds: 60,
  prefillSeconds: 9.4824,
  decodeSeconds: 48.0561,
  prefillTokensPerSecond: 8639.14,
  decodeTokensPerSecond: 103.21,
  totalTokensPerSecond: 88.98,
}

function bench(options: BenchOptions, seams: BenchSeams = {}) {
  const printed: string[] = []
  const output = { out: (line: string) => void printed.push(line), log: () => undefined }
  const ended = runBench({ log: false, ...options }, output, {
    measureLinks: () => Promise.resolve([]),
    profileSitting: (sides) => Promise.resolve(sides),
    execute: (side) => (side.kind === 'command' ? runCommand(side.command) : Promise.resolve(ours)),
    ...seams,
  })
  return { printed, ended }
}

describe('the original beside ours', () => {
  it('runs with the same shapes and made-up weights', () => {
    const { sides, warmUpTokens } = listSides({ flags, compare: { folder, python: 'py' } })
    expect(sides).toMatchObject([
      {
        kind: 'flexgen',
        settings: { path: '_DUMMY_', backend: 'onnxruntime-cuda', policy: { percent: flags.percent, sepLayer: false } },
      },
      {
        kind: 'command',
        title: 'FlexLLMGen',
        command:
          `py ${runnerPath} ${folder} --weights normal --model facebook/opt-30b --path _DUMMY_ --percent 12 78 0 100 0 100 ` +
          '--gpu-batch-size 32 --num-gpu-batches 5 --prompt-len 512 --gen-len 32 --sep-layer False ' +
          '--cpu-cache-compute --log-file /dev/null --verbose 1',
      },
    ])
    // The original does that by itself.
    expect(warmUpTokens).toBe(1)
  })

  it('has weights like ours, or on demand those that the original makes by itself', () => {
    const { sides } = listSides({ flags, compare: { folder, weights: 'ones' } })
    expect(sides[1]!.title).toBe('FlexLLMGen on ones')
    expect(sides[1]).toMatchObject({
      command: expect.stringContaining(`${folder} --weights ones --model`) as string,
    })
  })

  it('leaves ours a policy of its own', () => {
    const commands = ['auto: --policy auto']
    const { sides } = listSides({ flags: { percent: flags.percent }, commands, compare: { folder } })
    expect(sides[0]).toMatchObject({ title: 'auto', settings: { choice: { percent: undefined } } })
    expect(sides[1]!.command).toContain('--percent 12 78 0 100 0 100')
  })

  it('is measured in turn, and its log is read for the ratios', async () => {
    const compare = { folder, python: standIn('python-here', 0) }
    const { printed, ended } = bench({ flags, compare, repeat: 2, warmUp: 0, outputDir: path.join(place, 'a') })
    const report = await ended
    expect(report.sides[1]!.summary!.totalTokensPerSecond!.median).toBe(8.898)
    expect(report.comparison).toMatchObject({
      base: 1,
      sides: [{ prefill: { ofMedians: 10 }, total: { ofMedians: 10 } }],
    })
    expect(report.comparison!.sides[0]!.decode.ofMedians).toBeCloseTo(10, 9)
    expect(readFileSync(path.join(place, 'a', 'report.csv'), 'utf8')).toContain(`${folder} --weights normal --model`)
    expect(printed.find((line) => line.startsWith('speed against FlexLLMGen'))).toBeDefined()
  })

  it('is refused in one line where it cannot run', async () => {
    const refused = (compare: { folder: string; python?: string }) =>
      bench({ flags, compare, outputDir: path.join(place, 'b') }).ended
    await expect(refused({ folder: place })).rejects.toThrow(expect.objectContaining({ code: 'FILE_NOT_FOUND' }))
    await expect(refused({ folder, python: path.join(place, 'none') })).rejects.toThrow(
      expect.objectContaining({
        code: 'BACKEND_UNAVAILABLE',
        message: `FlexLLMGen cannot run here: there is no ${path.join(place, 'none')}`,
      }),
    )
    await expect(refused({ folder, python: standIn('python-without', 1) })).rejects.toThrow(
      expect.objectContaining({ message: 'FlexLLMGen cannot run here: no CUDA GPU for PyTorch' }),
    )
  })

  it('does not run with what it does not have', () => {
    const sides = (given: BenchOptions['flags']) => () => listSides({ flags: given, compare: { folder } })
    expect(sides({ policy: 'auto' })).toThrow('--compare flexllmgen needs --percent: the original has no --policy')
    expect(sides({ numPrompts: 9 })).toThrow('the original runs one block')
    expect(sides({ dtype: 'float32' })).toThrow('the original has no --dtype')
  })
})
