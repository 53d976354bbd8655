import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, it } from 'vitest'
import { home, runCli, scratchFolders, startCli, temporaryFolder } from './cli-process.ts'

const folder = temporaryFolder()
const inFolder = (...parts: string[]): string => path.join(folder, ...parts)
const onReference = ['--backend', 'reference'] as const

interface JsonOutput {
  readonly index?: number
  readonly prompt?: string
  readonly promptIds: readonly number[]
  readonly ids: readonly number[]
  readonly text?: string
  readonly finishReason: string
  readonly logProbs?: readonly number[]
  readonly promptLogProbs?: readonly number[]
}

interface PlacedShare {
  readonly bytes: Readonly<Record<string, number>>
  readonly requested: Readonly<Record<string, number>>
}

interface JsonResult {
  readonly outputs: readonly JsonOutput[]
  // What the tests look at.
  readonly report: {
    readonly sweeps: readonly {
      readonly phase: string
      readonly diskBytesRead: Readonly<Record<'weights' | 'cache' | 'hidden', number>>
      readonly diskBytesWritten: Readonly<Record<'weights' | 'cache' | 'hidden', number>>
      readonly taskSeconds?: Readonly<Record<string, number>>
    }[]
    readonly policy: object
    readonly placement: Readonly<Record<'weights' | 'cache' | 'activations', PlacedShare>>
    readonly notices: readonly string[]
    readonly peakRamBytes: number
    readonly plan: { readonly ram: { readonly total: number } }
  }
}

/** Runs `generate --json` and gives what it printed: one line, one object. */
async function generate(...args: readonly string[]): Promise<JsonResult> {
  const { code, stdout, stderr } = await runCli(['generate', '--json', ...args])
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout.endsWith('\n') && stdout.indexOf('\n') === stdout.length - 1).toBe(true)
  return JSON.parse(stdout) as JsonResult
}

/** What Chrome's format calls an event: `M` names a thread, `X` is a span with start and duration in microseconds. */
interface TraceEvent {
  readonly ph: string
  readonly tid: number
  readonly ts?: number
  readonly dur?: number
  readonly args?: { readonly name?: string }
}

const jsonLines = (file: string): unknown[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown)

describe('generate --json', () => {
  it('prints outputs and report as promised, the summary goes to stderr', async () => {
    const args = ['--prompt', 'My fellow citizens', '--prompt-ids', '2,48,92', '--max-new-tokens', '5', '--ignore-eos']
    const { code, stdout, stderr } = await runCli(['generate', '--json', ...args])
    expect(code).toBe(0)
    const { outputs, report } = JSON.parse(stdout) as { outputs: JsonOutput[]; report: Record<string, unknown> }
    const [first, second] = outputs
    expect(Object.keys(first!)).toEqual(['prompt', 'promptIds', 'ids', 'text', 'finishReason'])
    expect(first).toMatchObject({ prompt: 'My fellow citizens', finishReason: 'length' })
    expect(first!.promptIds[0]).toBe(2)
    expect(first!.ids).toHaveLength(5)
    expect(Object.keys(second!)).toEqual(['promptIds', 'ids', 'text', 'finishReason'])
    expect(second!.promptIds).toEqual([2, 48, 92])
    for (const name of [
      'loadSeconds',
      'prefillSeconds',
      'decodeSeconds',
      'prefillTokensPerSecond',
      'decodeTokensPerSecond',
      'totalTokensPerSecond',
      'peakRamBytes',
      'peakDeviceBytes',
      'peakDiskBytes',
    ]) {
      expect(report).toHaveProperty(name, expect.any(Number))
    }
    expect(report).toMatchObject({ model: 'demo', sequences: 2, newTokens: 10, notices: expect.any(Array) })
    expect(stderr).toContain('tokens/s')
    expect(stderr).not.toContain('\u001b')
  })

  it('gives no text where there is no tokenizer', async () => {
    const sizes = ['--num-prompts', '2', '--prompt-len', '8', '--gen-len', '2']
    const { outputs } = await generate('--model', 'opt-125m', '--path', '_DUMMY_', ...sizes, '--percent', ...allInRam)
    expect(outputs.map((output) => Object.keys(output))).toEqual([
      ['promptIds', 'ids', 'finishReason'],
      ['promptIds', 'ids', 'finishReason'],
    ])
    expect(outputs.map(({ promptIds, ids }) => [promptIds.length, ids.length])).toEqual([
      [8, 2],
      [8, 2],
    ])
  })
})

const allInRam = ['0', '100', '0', '100', '0', '100'] as const

describe('placement', () => {
  const prompts = ['--prompt', 'My fellow citizens', '--prompt', 'The state of the Union is', '--prompt', 'Call']
  const args = [...onReference, ...prompts, '--max-new-tokens', '70', '--ignore-eos']

  it('never changes an id, and what lies on disk is really read from it', async () => {
    const onDevice = await generate(...args)
    for (const [percent, batches] of [
      [
        ['0', '0', '0', '0', '0', '0'],
        ['--gpu-batch-size', '2', '--num-gpu-batches', '2'],
      ],
      [
        ['20', '30', '30', '30', '0', '50'],
        ['--gpu-batch-size', '1', '--num-gpu-batches', '3', '--no-overlap'],
      ],
    ] as const) {
      const spread = await generate(...args, '--percent', ...percent, ...batches)
      expect(spread.outputs).toEqual(onDevice.outputs)
      const { sweeps, placement } = spread.report
      // Of the two tables of the embedding only the rows of the ids are read.
      const tableBytes = (4096 + 1026) * 256 * 2
      const leastOfSweep = placement.weights.bytes['disk']! - tableBytes
      // The first layers of a sweep are read while the sweep before it still runs, so the sum is what counts.
      const weightBytesRead = sweeps.reduce((sum, { diskBytesRead }) => sum + diskBytesRead.weights, 0)
      expect(weightBytesRead).toBeGreaterThanOrEqual(leastOfSweep * sweeps.length)
      for (const { diskBytesRead, diskBytesWritten } of sweeps) {
        expect(diskBytesRead.weights).toBeGreaterThanOrEqual(leastOfSweep / 2)
        expect(diskBytesWritten.weights).toBe(0)
      }
      // The last sweep reads full pages of keys and values of 64 positions, of two sequences of one layer at least.
      expect(sweeps.at(-1)!.diskBytesRead.cache).toBeGreaterThan(2 * 2 * 64 * 256 * 4)
      expect(sweeps.some(({ diskBytesWritten }) => diskBytesWritten.cache > 0)).toBe(true)
      expect(
        sweeps.every(({ diskBytesRead, diskBytesWritten }) => diskBytesRead.hidden * diskBytesWritten.hidden > 0),
      ).toBe(true)
      expect(spread.report.plan.ram.total).toBeLessThan(onDevice.report.plan.ram.total)
      expect(spread.report.notices).toEqual([])
    }
    const none = { weights: 0, cache: 0, hidden: 0 }
    for (const sweep of onDevice.report.sweeps) {
      expect(sweep).toMatchObject({ diskBytesRead: none, diskBytesWritten: none })
    }
  })

  it('runs within a budget far below everything in memory, and says where KV stayed in RAM', async () => {
    const percent = ['--percent', '0', '0', '0', '0', '0', '0']
    const { report } = await generate(
      ...onReference,
      '--prompt',
      'My',
      '--gen-len',
      '4',
      ...percent,
      '--max-ram',
      '6MB',
    )
    expect(report.plan.ram.total).toBeLessThanOrEqual(6e6)
    expect(report.peakRamBytes).toBeLessThanOrEqual(report.plan.ram.total)
    expect(report.notices).toEqual([expect.stringContaining('pages of 64 positions')])
  })

  it('leaves no scratch file in the default place', () => {
    expect(scratchFolders(path.join(home, '.cache/flexgen/offload'))).toEqual([])
  })
})

describe('generation', () => {
  it('--stop cuts the text and ends the sequence', async () => {
    const args = ['--prompt', 'My fellow citizens', '--max-new-tokens', '40']
    const [whole] = (await generate(...args)).outputs
    const stop = whole!.text!.slice(9, 15)
    const [cut] = (await generate(...args, '--stop', 'never in there', '--stop', stop)).outputs
    expect(cut).toMatchObject({ finishReason: 'stop', text: whole!.text!.slice(0, whole!.text!.indexOf(stop)) })
    expect(cut!.ids).toEqual(whole!.ids.slice(0, cut!.ids.length))
    expect(cut!.ids.length).toBeLessThan(40)
  })

  it('--ignore-eos goes on where a sequence would have ended', async () => {
    const args = ['--prompt', 'God bless you, and God bless the United States of America.', '--max-new-tokens', '60']
    const ended = await generate(...args)
    const [first] = ended.outputs
    expect(first).toMatchObject({ finishReason: 'eos' })
    const [on] = (await generate(...args, '--ignore-eos')).outputs
    expect(on).toMatchObject({ finishReason: 'length' })
    expect(on!.ids).toHaveLength(60)
    expect(on!.ids.slice(0, first!.ids.length)).toEqual(first!.ids)
  })

  it('samples by seed', async () => {
    const args = ['--prompt', 'My fellow citizens', '--max-new-tokens', '12', '--temperature', '0.9', '--top-k', '40']
    const ids = async (seed: string): Promise<unknown> => (await generate(...args, '--seed', seed)).outputs[0]!.ids
    expect(await ids('7')).toEqual(await ids('7'))
    expect(await ids('7')).not.toEqual(await ids('8'))
  })
})

describe('flags of FlexGen', () => {
  const demo = ['--backend', 'reference', '--num-prompts', '2', '--prompt-len', '6', '--gen-len', '3', '--ignore-eos']

  it('compress, select, place and attend as they say, and do not depend on where things lie', async () => {
    const flags = ['--compress-weight', '--compress-cache', '--attn-sparsity', '0.5', '--cpu-cache-compute']
    const spread = ['--percent', '30', '30', '30', '30', '30', '30', '--placement', 'flexgen', '--no-pin-weight']
    const whole = await generate(...demo, ...flags)
    const placed = await generate(...demo, ...flags, ...spread, '--sep-layer', 'false', '--overlap', '0')
    expect(placed.outputs).toEqual(whole.outputs)
    const { policy, placement } = placed.report
    expect(policy).toMatchObject({
      compressWeight: true,
      compressCache: true,
      attentionSparsity: 0.5,
      hostAttentionPercent: 100,
      placement: 'flexgen',
      sepLayer: false,
      overlap: false,
    })
    const bytes = ({ device, ram, disk }: Record<string, number>): number => device! + ram! + disk!
    const plain = await generate(...demo)
    // 36 bytes for 64 values of 2 bytes, and vectors as they were; a head of 32 values takes a group.
    expect(bytes(whole.report.placement.weights.bytes) / bytes(plain.report.placement.weights.bytes)).toBeLessThan(0.3)
    expect(bytes(whole.report.placement.cache.bytes) / bytes(plain.report.placement.cache.bytes)).toBe(36 / 128)
    expect(placement.cache.requested).toEqual({ device: 30, ram: 30, disk: 40 })
  })

  it('give log-probabilities, and a breakdown by task', async () => {
    const { outputs, report } = await generate(...demo, '--log-probs', 'all', '--debug-mode', 'breakdown')
    for (const { promptIds, ids, logProbs, promptLogProbs } of outputs) {
      expect([promptLogProbs!.length, logProbs!.length]).toEqual([promptIds.length - 1, ids.length])
      for (const value of [...promptLogProbs!, ...logProbs!]) expect(value).toBeLessThan(0)
    }
    for (const { taskSeconds } of report.sweeps) expect(taskSeconds!['compute mlp']).toBeGreaterThan(0)
  })

  it.each([
    [['--compress-cache', '--backend', 'onnxruntime'], 7, '--compress-cache: backend onnxruntime has no'],
    [['--attn-sparsity', '1.5'], 2, '--attn-sparsity'],
    [['--cpu-cache-compute', '--host-backend', 'nothing'], 2, 'nothing'],
  ])('%j is refused', async (flags, exitCode, message) => {
    const { code, stderr } = await runCli(['generate', ...demo, ...flags])
    expect({ code, stderr }).toMatchObject({ code: exitCode, stderr: expect.stringContaining(message) })
  })
})

describe('files', () => {
  it('reads prompts of --input and writes results to --output, one a line with its index, as they finish', async () => {
    const prompts = [{ prompt: 'My fellow', maxNewTokens: 7 }, { promptIds: [2, 48] }, { prompt: 'é\n"x"' }]
    writeFileSync(inFolder('in.jsonl'), prompts.map((prompt) => `${JSON.stringify(prompt)}\n`).join(''))
    const args = ['--input', inFolder('in.jsonl'), '--max-new-tokens', '3', '--ignore-eos', '--quiet']
    const { code, stdout, stderr } = await runCli(['generate', ...args, '--output', inFolder('out.jsonl')])
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '', stderr: '' })
    const lines = jsonLines(inFolder('out.jsonl')) as JsonOutput[]
    expect(lines.at(-1)!.ids.length).toBe(7)
    const inOrder = lines.toSorted((a, b) => a.index! - b.index!)
    expect(inOrder.map(({ prompt }) => prompt)).toEqual(['My fellow', undefined, 'é\n"x"'])
    const { outputs } = await generate(...args)
    expect(inOrder).toEqual(outputs.map((output, index) => ({ index, ...output })))
  })

  it('go on with --resume where an earlier run was cut off', async () => {
    const prompts = Array.from({ length: 6 }, (_, i) => ({ promptIds: [2, 48 + i], maxNewTokens: 2 + i }))
    writeFileSync(inFolder('in.jsonl'), prompts.map((prompt) => `${JSON.stringify(prompt)}\n`).join(''))
    const out = inFolder('resumed.jsonl')
    const job = ['generate', '--input', inFolder('in.jsonl'), '--output', out, '--ignore-eos', '--temperature', '1']
    expect((await runCli([...job, '--quiet'])).code).toBe(0)
    const whole = readFileSync(out, 'utf8')
    const lines = whole.trimEnd().split('\n')
    // Two whole lines and a torn one.
    writeFileSync(out, `${lines[0]}\n${lines[1]}\n${lines[2]!.slice(0, 20)}`)
    const { code, stderr } = await runCli([...job, '--resume'])
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining('2 of 6 outputs are there') })
    expect(readFileSync(out, 'utf8').trimEnd().split('\n').toSorted()).toEqual(lines.toSorted())
    const again = await runCli([...job, '--resume'])
    expect(again).toMatchObject({ code: 0, stderr: expect.stringContaining('results of all 6 prompts') })
    expect(readFileSync(out, 'utf8').length).toBe(whole.length)
  })

  it.each([
    [['--resume'], 2, '--resume needs an --output that is a file'],
    [['--resume', '--output', '-'], 2, '--resume needs an --output that is a file'],
    [['--resume', '--json', '--output', 'x.jsonl'], 2, '--resume and --json'],
  ])('%j is refused', async (flags, exitCode, message) => {
    const { code, stderr } = await runCli(['generate', '--prompt', 'a', ...flags])
    expect({ code, stderr }).toMatchObject({ code: exitCode, stderr: expect.stringContaining(message) })
  })

  it.each([
    ['{"index":0,"promptIds":[2,9],"ids":[1]}\n', 2, 'results of other prompts'],
    ['{"index":7,"promptIds":[2],"ids":[1]}\n', 2, 'results of other prompts'],
    ['something else\n', 7, 'is no result of generate'],
  ])('%j is not resumed', async (text, exitCode, message) => {
    writeFileSync(inFolder('other.jsonl'), text)
    const args = ['generate', '--prompt-ids', '2,48', '--output', inFolder('other.jsonl'), '--resume']
    const { code, stderr } = await runCli(args)
    expect({ code, stderr }).toMatchObject({ code: exitCode, stderr: expect.stringContaining(message) })
    expect(readFileSync(inFolder('other.jsonl'), 'utf8')).toBe(text)
  })

  it('are standard input and output where they are -', async () => {
    const args = ['generate', '--input', '-', '--output', '-', '--max-new-tokens', '2', '--ignore-eos', '--quiet']
    const input = '{"prompt":"a\u2028b"}\r\n\n{"promptIds":[2,48],"maxNewTokens":1}'
    const { code, stdout, stderr } = await runCli(args, { input })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as JsonOutput)
    expect(lines.map(({ index, prompt, ids }) => [index, prompt, ids.length])).toEqual([
      [1, undefined, 1],
      [0, 'a\u2028b', 2],
    ])
  })

  it('hold a trace whose spans never overlap on a thread', async () => {
    const percent = ['--percent', '8', '16', '20', '25', '25', '25']
    await generate('--num-prompts', '4', '--gen-len', '40', ...percent, '--trace', inFolder('trace.json'))
    const { traceEvents } = JSON.parse(readFileSync(inFolder('trace.json'), 'utf8')) as { traceEvents: TraceEvent[] }
    const queues = traceEvents.filter(({ ph }) => ph === 'M').map(({ args }) => args?.name)
    expect(queues).toEqual(expect.arrayContaining(['compute', 'weights read', 'cache write', 'hidden read']))
    const spans = traceEvents.filter(({ ph }) => ph === 'X')
    expect(spans.length).toBeGreaterThan(1000)
    for (let thread = 1; thread <= queues.length; thread++) {
      let endUs = 0
      for (const { ts = 0, dur = -1 } of spans.filter(({ tid }) => tid === thread)) {
        // Microseconds with fractions: sums are not exact.
        expect(ts).toBeGreaterThanOrEqual(endUs - 1e-3)
        expect(dur).toBeGreaterThanOrEqual(0)
        endUs = ts + dur
      }
    }
  })
})

describe('output for people', () => {
  it('is the text as it comes, with a summary on stderr', async () => {
    const { code, stdout, stderr } = await runCli(['generate', '--prompt', 'My fellow citizens', '--gen-len', '3'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^My fellow citizens\S.*\n$/)
    expect(stderr).toMatch(/1 prompt with 5 tokens, 3 new tokens \(.* tokens\/s\)/)
  })

  it('is one text after the other, with plain lines of progress, where there are several', async () => {
    const prompts = ['--prompt', 'My fellow citizens', '--prompt', 'The state']
    const { code, stdout, stderr } = await runCli(['generate', ...prompts, '--gen-len', '3', '--ignore-eos'])
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /^--- 1 of 2, ended by length\nMy fellow citizens\S[^]*\n--- 2 of 2, ended by length\nThe state/,
    )
    expect(stripVTControlCharacters(stdout + stderr)).toBe(stdout + stderr)
    const tooLong = stderr.split('\n').filter((line) => line.length > 80)
    expect(tooLong).toEqual([])
  })

  it('says what the disk moved and what was planned', async () => {
    const args = ['--prompt', 'My', '--gen-len', '3', '--ignore-eos', '--percent', '0', '0', '0', '100', '0', '100']
    const { stderr } = await runCli(['generate', ...args, '--verbose', '2'])
    expect(stderr).toMatch(/^plan: RAM [\d.]+ MB, device [\d.]+ [kM]B, scratch on disk 0 B\n {2}/)
    expect(stderr).toMatch(/\ndisk: [\d.]+ MB read in 3 sweeps, [\d.]+ MB each; 0 B written\n/)
    expect(stderr).toMatch(/\npeak: RAM [\d.]+ MB of [\d.]+ MB planned, /)
  })

  it('a reader that goes away ends the run in peace', async () => {
    const run = startCli(['generate', '--prompt', 'My', '--max-new-tokens', '1000', '--ignore-eos'])
    run.child.stdout.once('data', () => run.child.stdout.destroy())
    expect(await run.ended).toMatchObject({ code: 0, stderr: '' })
  })
})

describe('settings', () => {
  it('go flags over variables over the config file', async () => {
    writeFileSync(inFolder('flexgen.config.json'), '{"maxRam":"1MB","backend":"reference","maxNewTokens":2}')
    const run = async (args: string[], env: Record<string, string>): Promise<number> =>
      (await runCli(['generate', '--prompt', 'My', '--json', ...args], { cwd: folder, env })).code
    expect(await run([], {})).toBe(3)
    expect(await run([], { FLEXGEN_MAX_RAM: '1GB' })).toBe(0)
    expect(await run(['--max-ram', '2MB'], { FLEXGEN_MAX_RAM: '1GB' })).toBe(3)
    expect(await run([], { FLEXGEN_MAXRAM: '1GB' })).toBe(2)
  })
})
