import type { BenchOptions, CaseFlags } from '@flexgen/bench'
import type { Command } from 'commander'
import type { CliContext } from '../cli-context.ts'
import { createProgress } from '../output/progress.ts'
import { applySettings } from '../settings/apply-settings.ts'
import { addBenchOptions } from './bench-options.ts'

/** Flags of `bench` that are not those of a case. */
interface BenchFlags extends Omit<BenchOptions, 'flags' | 'commands' | 'signal'> {
  readonly command?: readonly string[]
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
    const {
      suite,
      only,
      command: commands,
      against,
      repeat,
      warmUp,
      warmUpTokens,
      outputDir,
      ...rest
    } = command.opts<BenchFlags & CaseFlags>()
    const { resume, title, json, logFile, log: keepsLog, verbose, quiet, ...flags } = rest
    context.showStack = verbose >= 3
    const { out, log } = context.terminal
    const isQuiet = quiet === true || verbose === 0
    const progress = isQuiet ? undefined : createProgress(log)
    const signal = AbortSignal.any([context.interrupt.signal, context.terminal.closed])
    const { runBench } = await import('@flexgen/bench')
    await runBench(
      {
        suite,
        only,
        commands,
        against,
        repeat,
        warmUp,
        warmUpTokens,
        outputDir,
        resume,
        title,
        json,
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

const examples = `
Examples:
  OPT-125M in every place, with made-up weights; a few minutes:
    flexgen bench --suite small
  One case in FlexGen's flags:
    flexgen bench --model opt-1.3b --path _DUMMY_ --percent 0 25 100 0 100 0 \\
      --gpu-batch-size 8 --prompt-len 128 --gen-len 8
  Two placements in turn, beside another program:
    flexgen bench --model ./opt-1.3b --gpu-batch-size 8 --prompt-len 128 --gen-len 8 \\
      --command 'in RAM: --percent 0 100 100 0 100 0' \\
      --command 'on disk: --percent 0 0 100 0 100 0' \\
      --against 'theirs: python theirs.py' --repeat 5`
