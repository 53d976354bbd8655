import type { Command } from 'commander'
import type { CliContext } from '../cli-context.ts'
import type { DemoFlags } from '../demo/run-demo.ts'
import { applySettings } from '../settings/apply-settings.ts'
import { backendOption } from '../settings/backend-options.ts'

/** `flexgen demo`: the embedded model, spread over memory and disk; what `npm start` runs. */
export function addDemo(program: Command, context: CliContext): void {
  const command = program
    .command('demo')
    .description('Watch the embedded model write text while its data lies spread over RAM and disk.')
    .addOption(backendOption('--backend <name>', 'what computes; auto is the first that works').default('auto'))
    .addOption(backendOption('--host-backend <name>', 'what attends over the KV cache that is not on the device'))
    .addHelpText('after', examples)
  command.action(async () => {
    applySettings(command, { folder: process.cwd(), env: process.env })
    const { runDemo } = await import('../demo/run-demo.ts')
    await runDemo(command.opts<DemoFlags>(), context)
  })
}

const examples = `
Examples:
  flexgen demo
  flexgen demo --backend onnxruntime`
