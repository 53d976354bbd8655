import { type Command, Option } from 'commander'
import type { CliContext } from '../cli-context.ts'
import type { DoctorFlags } from '../doctor/run-doctor.ts'
import { applySettings } from '../settings/apply-settings.ts'

/** `flexgen doctor`: what works on this machine. */
export function addDoctor(program: Command, context: CliContext): void {
  const command = program
    .command('doctor')
    .description('Show what works on this machine, and what would help where something does not.')
    .addOption(new Option('--offload-dir <folder>', 'folder to look at (default ~/.cache/flexgen/offload)'))
    .addOption(new Option('--json', 'print one JSON object'))
    .addHelpText('after', examples)
  command.action(async () => {
    applySettings(command, { folder: process.cwd(), env: process.env })
    const { runDoctor } = await import('../doctor/run-doctor.ts')
    await runDoctor(command.opts<DoctorFlags>(), context)
  })
}

const examples = `
The exit code is 0 where at least one backend works, else 5.

Examples:
  flexgen doctor
  flexgen doctor --offload-dir /mnt/nvme/flexgen --json`
