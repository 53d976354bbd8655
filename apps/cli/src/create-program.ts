import { Command } from 'commander'
import { readFileSync } from 'node:fs'
import type { CliContext } from './cli-context.ts'
import { addBench } from './commands/bench.ts'
import { addCompletion } from './commands/completion.ts'
import { addConvert } from './commands/convert.ts'
import { addDemo } from './commands/demo.ts'
import { addDoctor } from './commands/doctor.ts'
import { addGenerate } from './commands/generate.ts'
import { addPlan } from './commands/plan.ts'
import { addProfile } from './commands/profile.ts'
import { helpFormat } from './help/help-format.ts'

/** The program with all its commands; what a command needs is imported when it runs. */
export function createProgram(context: CliContext): Command {
  const program = new Command('flexgen')
    .description(
      'Run language models that do not fit the GPU, or the RAM: weights, KV cache and activations are spread over device memory, RAM and disk.',
    )
    .configureHelp(helpFormat)
    .version(readVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand(false)
    .exitOverride()
    // Errors are printed in one place, in one form.
    .configureOutput({ outputError: () => undefined })
    .addHelpText('after', footer)
  addGenerate(program, context)
  addDemo(program, context)
  addBench(program, context)
  addPlan(program, context)
  addProfile(program, context)
  addConvert(program, context)
  addDoctor(program, context)
  addCompletion(program, context)
  return program
}

const footer = `
Examples:
  flexgen demo                                   see it work, no download
  flexgen generate --prompt "My fellow citizens"
  flexgen generate --model ./opt-1.3b --prompt "Paris is"
  flexgen doctor                                 what works on this machine

Settings: flags, over FLEXGEN_* variables (FLEXGEN_MAX_RAM=3GB), over
flexgen.config.json in the current folder ({ "maxRam": "3GB" }), over defaults.

More: flexgen COMMAND --help`

function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
