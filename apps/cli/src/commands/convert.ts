import type { Command } from 'commander'
import type { CliContext } from '../cli-context.ts'
import type { ConvertFlags } from '../convert/run-convert.ts'
import { applySettings } from '../settings/apply-settings.ts'
import { checkFlagRules } from '../settings/flag-rules.ts'
import { wholeNumber } from '../settings/option-parsers.ts'
import { addGroup, option } from '../settings/options.ts'

/** `flexgen convert`: a checkpoint stored compressed, once. */
export function addConvert(program: Command, context: CliContext): void {
  const command = program
    .command('convert')
    .description('Store a model with its weights in 4 bits, so that less is read from disk and RAM in every run.')
  addGroup(command, 'Model:', [
    option('--model <model>', 'folder, or name that is looked up in --path and the Hugging Face cache').default(
      'demo',
      'the embedded demo model',
    ),
    option('--path <folder>', 'folder of models; _DUMMY_ for made-up weights of a named size'),
    option('--seed <number>', 'key of made-up weights', wholeNumber(0)).default(0),
  ])
  addGroup(command, 'Result:', [
    option('--output <folder>', 'folder to make; it is a model folder like any other'),
    option(
      '--form <form>',
      "flexgen, the default: groups down the outputs, as the paper's; inputs: groups along the inputs, which kernels of native and ONNX Runtime read fastest",
    )
      .choices(['flexgen', 'inputs'])
      .default('flexgen'),
    option('--max-file <size>', 'largest weight file (default 5GB)'),
    option('--force', 'replace a folder that an earlier convert made'),
    option('--json', 'print one JSON object'),
    option('--verbose <level>', '0 errors, 1 summary, 3 stacks of errors', wholeNumber(0)).default(1),
    option('--quiet', 'the same as --verbose 0'),
  ])
  command.addHelpText('after', examples)
  command.action(async () => {
    applySettings(command, { folder: process.cwd(), env: process.env })
    checkFlagRules(command, {
      excludes: [{ flags: ['quiet', 'verbose'], why: '--quiet is --verbose 0', when: (_, level) => level !== 0 }],
    })
    const flags = command.opts<ConvertFlags>()
    context.showStack = flags.verbose >= 3
    const { runConvert } = await import('../convert/run-convert.ts')
    await runConvert(flags, context)
  })
}

const examples = `
The folder appears whole or not at all; a conversion that is stopped leaves
nothing. Which form to choose: docs/guides/compression.md.

Examples:
  flexgen convert --model ./opt-6.7b --output ./opt-6.7b-4bit
  flexgen generate --model ./opt-6.7b-4bit --prompt "Paris is"
  For the native backend:
    flexgen convert --model ./opt-6.7b --output ./opt-6.7b-4bit --form inputs`
