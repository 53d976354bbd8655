import type { Command } from 'commander'
import type { CliContext } from '../cli-context.ts'
import type { ProfileFlags } from '../profile/run-profile.ts'
import { applySettings } from '../settings/apply-settings.ts'
import { repeated, wholeNumber } from '../settings/option-parsers.ts'
import { addGroup, option } from '../settings/options.ts'

/** `flexgen profile`: measures this machine for the planner. */
export function addProfile(program: Command, context: CliContext): void {
  const command = program
    .command('profile')
    .description('Measure this machine for plan and --policy auto: disk, memory, kernels. Takes about a minute.')
  addGroup(command, 'What is measured:', [
    option('--backend <name>', 'a backend; may be repeated, the first is the default of runs (default: all)', repeated),
    option('--threads <count>', 'threads that compute', wholeNumber(1)),
    option('--offload-dir <folder>', 'where the disk is measured (default ~/.cache/flexgen/offload)'),
  ])
  addGroup(command, 'Output:', [
    option('--name <text>', 'name of the profile (default this-machine)'),
    option('--output <file>', 'where it goes (default ~/.cache/flexgen/hardware.json, which plan and auto read)'),
    option('--json', 'print the profile as one JSON object'),
    option('--verbose <level>', '0 errors, 1 progress, 3 stacks of errors', wholeNumber(0)).default(1),
    option('--quiet', 'the same as --verbose 0'),
  ])
  command.addHelpText('after', examples)
  command.action(async () => {
    applySettings(command, { folder: process.cwd(), env: process.env })
    const flags = command.opts<ProfileFlags>()
    context.showStack = flags.verbose >= 3
    const { runProfile } = await import('../profile/run-profile.ts')
    await runProfile(flags, context)
  })
}

const examples = `
Measure while nothing else runs: what is busy now would be planned with for long.

Examples:
  flexgen profile
  flexgen profile --backend native --offload-dir /mnt/nvme/flexgen --output nvme.json
  flexgen plan --model opt-6.7b --hardware nvme.json`
