import type { BenchOptions, CaseFlags } from '@flexgen/bench'
import type { Command } from 'commander'
import type { CliContext } from '../cli-context.ts'
import { createProgress } from '../output/progress.ts'
import { applySettings } from '../settings/apply-settings.ts'
import { checkFlagRules, type FlagRules } from '../settings/flag-rules.ts'
import { addBenchOptions } from './bench-options.ts'

/** Flags of `bench` that are not those of a case. */
interface BenchFlags extends Omit<BenchOptions, 'flags' | 'commands' | 'compare' | 'signal' | 'timeLimitSeconds'> {
  readonly timeLimit?: number
  readonly command?: readonly string[]
  readonly compare?: 'flexllmgen'
  readonly flexllmgen?: string
  readonly flexllmgenWeights?: 'normal' | 'ones'
  readonly python?: string
  readonly verbose: number
  readonly quiet?: boolean
}

/** `flexgen bench`: suites and commands side by side, with a report. */
export function addBench(program: Command, context: CliContext): void {
  const command = program.command('bench').description('Measure: suites, commands side by side, a report of all.')
  addBenchOptions(command)
  command.addHelpText('after', examples)
  command.action(async () => {
    applySettings(command, { folder: process.cwd(), env: process.env })
    checkFlagRules(command, benchRules)
    const {
      suite,
      only,
      command: commands,
      against,
      compare,
      flexllmgen,
      flexllmgenWeights: weights,
      python,
      repeat,
      warmUp,
      warmUpTokens,
      timeLimit,
      outputDir,
      ...rest
    } = command.opts<BenchFlags & CaseFlags>()
    const { resume, title, json, trace, logFile, log: keepsLog, verbose, quiet, history, ...others } = rest
    const flags = { ...others, history: history !== false }
    context.showStack = verbose >= 3
    const { out, log } = context.terminal
    const isQuiet = quiet === true || verbose === 0
    const progress = isQuiet ? undefined : createProgress(log)
    const signal = AbortSignal.any([context.interrupt.signal, context.terminal.closed])
    const { runBench, runKernels, runQuality } = await import('@flexgen/bench')
    const run = new Map<string | undefined, typeof runBench | typeof runQuality | typeof runKernels>([
      ['quality', runQuality],
      ['kernels', runKernels],
    ]).get(suite)
    await (run ?? runBench)(
      {
        suite,
        only,
        commands,
        against,
        ...(compare !== undefined && { compare: { folder: flexllmgen!, python, weights } }),
        repeat,
        warmUp,
        warmUpTokens,
        timeLimitSeconds: timeLimit,
        outputDir,
        resume,
        title,
        json,
        trace,
        logFile,
        log: keepsLog,
        flags,
        signal,
      },
      {
        out: (line) => out.writeLine(line),
        log: (line) => isQuiet || log.writeLine(line),
        progress: (step) => progress?.update(step),
        clearProgress: () => progress?.clear(),
      },
    )
  })
}

const benchRules: FlagRules = {
  excludes: [
    { flags: ['logFile', 'log'], why: 'one names a log, the other says that there is none' },
    { flags: ['debugMode', 'overlap'], why: 'a breakdown runs every step alone', when: (mode) => mode === 'breakdown' },
    { flags: ['quiet', 'verbose'], why: '--quiet is --verbose 0', when: (_, level) => level !== 0 },
  ],
  needs: [
    { flag: 'resume', oneOf: ['outputDir'], why: 'it goes on with the results that are there' },
    { flag: 'only', oneOf: ['suite'], why: 'it chooses cases of a suite' },
    { flag: 'compare', oneOf: ['flexllmgen'], why: 'it runs that checkout' },
    { flag: 'flexllmgen', oneOf: ['compare'], why: 'it is what --compare flexllmgen runs' },
    { flag: 'flexllmgenWeights', oneOf: ['compare'], why: 'they are those of the original' },
    { flag: 'python', oneOf: ['compare'], why: 'it runs the original' },
  ],
}

const examples = `
Examples:
  OPT-125M in every place, with made-up weights; a few minutes:
    flexgen bench --suite small
  What 4 bits and sparse attention do to the demo model's text:
    flexgen bench --suite quality
  One case in FlexGen's flags:
    flexgen bench --model opt-1.3b --path _DUMMY_ --percent 0 25 100 0 100 0 \\
      --gpu-batch-size 8 --prompt-len 128 --gen-len 8
  FlexLLMGen beside ours, on a machine with an NVIDIA GPU:
    flexgen bench --compare flexllmgen --flexllmgen ./FlexLLMGen \
      --percent 0 100 0 100 0 100 --gpu-batch-size 32 --num-gpu-batches 4
  Two placements in turn, beside another program:
    flexgen bench --model ./opt-1.3b --gpu-batch-size 8 --prompt-len 128 --gen-len 8 \\
      --command 'in RAM: --percent 0 100 100 0 100 0' \\
      --command 'on disk: --percent 0 0 100 0 100 0' \\
      --against 'theirs: python theirs.py' --repeat 5`
