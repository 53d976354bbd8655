import type { Command } from 'commander'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { createProgram } from '../src/create-program.ts'
import { expandAbbreviations, flexgenFlags } from '../src/settings/abbreviations.ts'
import { runCli, temporaryFolder } from './cli-process.ts'

const folder = temporaryFolder()
const root = path.resolve(import.meta.dirname, '../../..')
const never = new AbortController().signal
const silent = {
  isTerminal: false,
  write: () => undefined,
  writeLine: () => undefined,
  style: (_: string, text: string) => text,
}

/** Options that a command line sets, without running it. */
function optionsOf(name: string, args: readonly string[]): Record<string, unknown> {
  const program = createProgram({
    terminal: { out: silent, log: silent, closed: never },
    interrupt: { signal: never, exitCode: undefined, stop: () => undefined },
    showStack: false,
  })
  const command = program.commands.find((each: Command) => each.name() === name)!
  command.action(() => undefined)
  program.parse(expandAbbreviations([name, ...args], program), { from: 'user' })
  return command.opts()
}

/** A row of the original's table of flags: what it takes there, what that is here, and the test of its effect. */
interface Row {
  readonly flag: string
  readonly key: string
  /** Arguments as one writes them for the original, and the value that they have. */
  readonly forms: readonly (readonly [args: string, value: unknown])[]
  /** File and title of the test that shows the effect. */
  readonly effect: readonly [file: string, title: string]
  /** `generate` refuses it: it measures. */
  readonly benchOnly?: true
}

const switchForms = (flag: string, ...short: string[]): Row['forms'] => [
  [`--${flag}`, true],
  [`--${flag} true`, true],
  [`--${flag} 1`, true],
  [`--${flag}=True`, true],
  [`--${flag} false`, false],
  [`--${flag} False`, false],
  [`--${flag} 0`, false],
  [`--no-${flag}`, false],
  ...short.map((each) => [`--${each}`, true] as const),
]

const generate = 'apps/cli/test/generate.test.ts'
const placed = 'compress, select, place and attend as they say, and do not depend on where things lie'
const measure = 'apps/bench/test/measure-case.test.ts'
const findModel = 'packages/flexgen/src/model/find-model.test.ts'
const own = 'apps/cli/test/flexgen-flags.test.ts'
const percent = [20, 80, 0, 100, 0, 100]

const rows: readonly Row[] = [
  {
    flag: 'model',
    key: 'model',
    forms: [
      ['--model facebook/opt-30b', 'facebook/opt-30b'],
      ['--mod opt-125m', 'opt-125m'],
    ],
    effect: [findModel, 'takes a folder as it is'],
  },
  {
    flag: 'path',
    key: 'path',
    forms: [['--path _DUMMY_', '_DUMMY_']],
    effect: [findModel, 'makes weights up where the path says _DUMMY_'],
  },
  {
    flag: 'offload-dir',
    key: 'offloadDir',
    forms: [
      ['--offload-dir x', 'x'],
      ['--offload x', 'x'],
    ],
    effect: ['apps/cli/test/interrupt.test.ts', 'ends with %i, keeps what was finished and leaves no scratch file'],
  },
  {
    flag: 'prompt-len',
    key: 'promptLen',
    forms: [
      ['--prompt-len 256', 256],
      ['--prompt-l 256', 256],
    ],
    effect: [own, 'log nothing where they are told so, and prompts and new tokens have the length that they say'],
  },
  {
    flag: 'gen-len',
    key: 'maxNewTokens',
    forms: [
      ['--gen-len 8', 8],
      ['--gen 8', 8],
    ],
    effect: [own, 'log nothing where they are told so, and prompts and new tokens have the length that they say'],
  },
  {
    flag: 'cut-gen-len',
    key: 'cutGenLen',
    forms: [
      ['--cut-gen-len 5', 5],
      ['--cut 5', 5],
    ],
    effect: [measure, 'cuts a run and projects the rest'],
    benchOnly: true,
  },
  {
    flag: 'debug-mode',
    key: 'debugMode',
    forms: [
      ['--debug-mode breakdown', 'breakdown'],
      ['--debug fewer_batch', 'fewer_batch'],
    ],
    effect: [measure, 'makes twenty layer steps of decoding for fewer_batch, sep-layer %s'],
  },
  {
    flag: 'gpu-batch-size',
    key: 'gpuBatchSize',
    forms: [
      ['--gpu-batch-size 32', 32],
      ['--gpu 32', 32],
    ],
    effect: [generate, 'never changes an id, and what lies on disk is really read from it'],
  },
  {
    flag: 'num-gpu-batches',
    key: 'numGpuBatches',
    forms: [
      ['--num-gpu-batches 5', 5],
      ['--num-gpu 5', 5],
    ],
    effect: [generate, 'never changes an id, and what lies on disk is really read from it'],
  },
  {
    flag: 'percent',
    key: 'percent',
    forms: [
      ['--percent 20 80 0 100 0 100', percent],
      ['--perc 20 80 0 100 0 100', percent],
    ],
    effect: [generate, 'never changes an id, and what lies on disk is really read from it'],
  },
  { flag: 'sep-layer', key: 'sepLayer', forms: switchForms('sep-layer', 'sep'), effect: [generate, placed] },
  {
    flag: 'pin-weight',
    key: 'pinWeight',
    forms: switchForms('pin-weight', 'pin'),
    effect: [own, 'are page-locked or not without a difference where device and RAM are one memory'],
  },
  {
    flag: 'cpu-cache-compute',
    key: 'cpuCacheCompute',
    forms: switchForms('cpu-cache-compute', 'cpu', 'cpu-cache'),
    effect: ['packages/core/test/host-attention.test.ts', 'runs there in decode for all KV off the device'],
  },
  {
    flag: 'attn-sparsity',
    key: 'attnSparsity',
    forms: [
      ['--attn-sparsity 0.1', 0.1],
      ['--attn .5', 0.5],
      ['--attn-sparsity 1.0', 1],
    ],
    effect: ['packages/core/test/sparsity.test.ts', 'keeps everything at 1, changes decode below'],
  },
  {
    flag: 'compress-weight',
    key: 'compressWeight',
    forms: switchForms('compress-weight', 'compress-w'),
    effect: [generate, placed],
  },
  {
    flag: 'compress-cache',
    key: 'compressCache',
    forms: switchForms('compress-cache', 'compress-c'),
    effect: [generate, placed],
  },
  {
    flag: 'log-file',
    key: 'logFile',
    forms: [
      ['--log-file auto', 'auto'],
      ['--log-f x.log', 'x.log'],
    ],
    effect: ['apps/bench/test/run-bench.test.ts', 'prints and logs as FlexGen does, and leaves the report'],
    benchOnly: true,
  },
  {
    flag: 'no-log',
    key: 'log',
    forms: [['--no-log', false]],
    effect: [own, 'log nothing where they are told so, and prompts and new tokens have the length that they say'],
    benchOnly: true,
  },
  {
    flag: 'verbose',
    key: 'verbose',
    forms: [
      ['--verbose 2', 2],
      ['--verb 0', 0],
    ],
    effect: [own, 'tell nothing, the summary, or the plan as well'],
  },
  {
    flag: 'overlap',
    key: 'overlap',
    forms: switchForms('overlap', 'over'),
    effect: ['packages/core/test/placement-invariance.test.ts', 'gives the same ids as everything on the device'],
  },
]

const guide = readFileSync(path.join(root, 'docs/guides/from-flexgen.md'), 'utf8')

describe("FlexGen's flags", () => {
  it('are all in the table', () => {
    expect(rows.map(({ flag }) => `--${flag}`).toSorted()).toEqual([...flexgenFlags].toSorted())
  })

  it.each(rows)('--$flag is taken as there, has its line in the guide, and a test of its effect', (row) => {
    for (const [args, value] of row.forms) {
      for (const command of ['bench', 'generate'])
        expect({ args, [row.key]: optionsOf(command, args.split(' '))[row.key] }).toEqual({ args, [row.key]: value })
    }
    expect(guide).toMatch(new RegExp(`^\\|[^|]*\`--${row.flag}\`[^|]*\\| \\S`, 'm'))
    const [file, title] = row.effect
    expect(readFileSync(path.join(root, file), 'utf8')).toContain(`${title}`)
  })

  it.each(rows.filter(({ benchOnly }) => benchOnly))(
    '--$flag is refused by generate, which names bench',
    async (row) => {
      const { code, stderr } = await runCli(['generate', '--prompt', 'x', ...row.forms[0]![0].split(' ')])
      expect(code).toBe(2)
      expect(stderr).toMatch(
        new RegExp(`^flexgen: USAGE: --${row.flag} is not for generate\nhint: flexgen bench has it\n`),
      )
    },
  )
})

describe('weights', () => {
  it('are page-locked or not without a difference where device and RAM are one memory', async () => {
    const run = async (...flags: string[]): Promise<unknown> => {
      const args = ['generate', '--prompt', 'My', '--gen-len', '3', '--backend', 'reference', '--json', '--quiet']
      const { code, stdout } = await runCli([...args, ...flags])
      expect(code).toBe(0)
      const { outputs, report } = JSON.parse(stdout) as { outputs: unknown; report: Record<string, unknown> }
      return { outputs, peakRamBytes: report['peakRamBytes'], notices: report['notices'] }
    }
    expect(await run('--no-pin-weight')).toEqual(await run('--pin-weight'))
  })
})

describe('levels of --verbose', () => {
  it('tell nothing, the summary, or the plan as well', async () => {
    const told = async (level: string): Promise<string> =>
      (await runCli(['generate', '--prompt', 'My', '--gen-len', '2', '--backend', 'reference', '--verbose', level]))
        .stderr
    expect(await told('0')).toBe('')
    const [summary, plan] = [await told('1'), await told('2')]
    expect(summary).toContain('requested %')
    expect(summary).not.toContain('\nplan: RAM')
    expect(plan).toMatch(/^plan: RAM /m)
    expect(plan).toContain('requested %')
  })
})

describe('runs of bench', () => {
  it('log nothing where they are told so, and prompts and new tokens have the length that they say', async () => {
    const sizes = ['--prompt-len', '9', '--gen-len', '3', '--gpu-batch-size', '2', '--num-gpu-batches', '1']
    const once = ['--repeat', '1', '--warm-up', '0', '--backend', 'reference', '--model', 'demo']
    const args = ['bench', ...once, ...sizes, '--json', '--no-log', '--output-dir', 'a']
    const { code, stdout } = await runCli(args, { cwd: folder })
    expect(code).toBe(0)
    // Beside the report a log would lie, by FlexGen's name.
    expect(readdirSync(path.join(folder, 'a')).toSorted()).toEqual([
      'report.csv',
      'report.html',
      'report.json',
      'results.jsonl',
    ])
    const { sides } = JSON.parse(stdout) as { sides: [{ typical: { measurement: { work: unknown } } }] }
    expect(sides[0].typical.measurement.work).toMatchObject({ prompts: 2, promptTokens: 9, newTokens: 3 })
  })
})
