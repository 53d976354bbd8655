import type { Command } from 'commander'
import type { CliContext } from '../cli-context.ts'
import type { GenerateFlags } from '../generate/generate-flags.ts'
import { applySettings } from '../settings/apply-settings.ts'
import { addGenerateOptions } from './generate-options.ts'

/** `flexgen generate`: text for prompts. */
export function addGenerate(program: Command, context: CliContext): void {
  const command = program.command('generate').description('Generate text for prompts.')
  addGenerateOptions(command)
  command.addHelpText('after', examples)
  command.action(async () => {
    applySettings(command, { folder: process.cwd(), env: process.env })
    const flags = command.opts<GenerateFlags>()
    context.showStack = flags.verbose >= 3
    const { runGenerate } = await import('../generate/run-generate.ts')
    await runGenerate(flags, context)
  })
}

const examples = `
Sizes are written as 900MB, 3GB (decimal), 16GiB (binary) or 1B.

Examples:
  flexgen generate --prompt "Call me Ishmael."            the embedded demo model
  flexgen generate --model facebook/opt-1.3b --path ~/models --prompt "Paris is" --max-new-tokens 64
  flexgen generate --model ./opt-6.7b --input prompts.jsonl --output out.jsonl \\
      --percent 0 20 0 100 0 100 --gpu-batch-size 8 --num-gpu-batches 4 --max-ram 6GB
  flexgen generate --model opt-30b --path _DUMMY_ --num-prompts 8 --prompt-len 128 --gen-len 4 \\
      --percent 0 0 0 100 0 100                           a size that you have no weights of
  flexgen generate --prompt "The state of the Union is" --temperature 0.8 --top-k 40 --seed 7 --json

Docs: docs/ of the flexgen repository, and the README of @flexgen/cli`
