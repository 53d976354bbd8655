import type { Command } from 'commander'
import type { CliContext } from '../cli-context.ts'

/** `flexgen demo`: the embedded model, spread over memory and disk; what `npm start` runs. */
export function addDemo(program: Command, context: CliContext): void {
  const command = program
    .command('demo')
    .description('Watch the embedded model write text while its data lies spread over RAM and disk.')
    .addHelpText('after', examples)
  command.action(async () => {
    const { runDemo } = await import('../demo/run-demo.ts')
    await runDemo(context)
  })
}

const examples = `
Examples:
  flexgen demo`
