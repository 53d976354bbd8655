import { type Command, Argument } from 'commander'
import type { CliContext } from '../cli-context.ts'

/** `flexgen completion`: a completion script for a shell. */
export function addCompletion(program: Command, { terminal }: CliContext): void {
  program
    .command('completion')
    .description('Print a completion script for a shell.')
    .addArgument(new Argument('<shell>', 'which shell').choices(['bash', 'zsh', 'fish']))
    .addHelpText('after', examples)
    .action(async (shell: 'bash' | 'zsh' | 'fish') => {
      const { completionScript } = await import('../completion/completion-script.ts')
      terminal.out.write(completionScript(shell, program))
    })
}

const examples = `
Examples:
  source <(flexgen completion bash)     in ~/.bashrc
  source <(flexgen completion zsh)      in ~/.zshrc, after compinit
  flexgen completion fish > ~/.config/fish/completions/flexgen.fish`
