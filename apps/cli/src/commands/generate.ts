import type { Command } from 'commander'
import type { CliContext } from '../cli-context.ts'
import type { GenerateFlags } from '../generate/generate-flags.ts'
import { generateRules } from '../generate/generate-rules.ts'
import { applySettings } from '../settings/apply-settings.ts'
import { checkFlagRules } from '../settings/flag-rules.ts'
import { addGenerateOptions } from './generate-options.ts'

/** `flexgen generate`: text for prompts. */
export function addGenerate(program: Command, context: CliContext): void {
  const command = program.command('generate').description('Generate text for prompts.')
  addGenerateOptions(command)
  command.addHelpText('after', examples)
  command.action(async () => {
    applySettings(command, { folder: process.cwd(), env: process.env })
    checkFlagRules(command, generateRules)
    const flags = command.opts<GenerateFlags>()
    context.showStack = flags.verbose >= 3
    const { runGenerate } = await import('../generate/run-generate.ts')
    await runGenerate(flags, context)
  })
}

const examples = `
Sizes are written as 900MB, 3GB (decimal), 16GiB (binary) or 1B.

Examples:
  The embedded demo model, sampled, nothing to download:
    flexgen generate --prompt "My fellow citizens" --temperature 0.8 --seed 7
  A checkpoint in a folder, a quarter of its weights in RAM, the rest read from
  disk for every token:
    flexgen generate --model ./opt-1.3b --prompt "Paris is" \\
      --percent 0 25 0 100 0 100 --max-ram 2GB
  How likely a text is:
    flexgen generate --score --prompt "The state of the Union is strong."
  A file of prompts, 32 at a time for every weight that is loaded:
    flexgen generate --model ./opt-6.7b --input prompts.jsonl \\
      --output out.jsonl --percent 0 20 0 100 0 100 \\
      --gpu-batch-size 8 --num-gpu-batches 4
  A size that you have no weights of, with made-up ones:
    flexgen generate --model opt-1.3b --path _DUMMY_ --num-prompts 4 \\
      --prompt-len 16 --gen-len 2 --percent 0 100 0 100 0 100`
