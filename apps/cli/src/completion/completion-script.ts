import type { Command } from 'commander'
import { bashScript } from './bash-script.ts'
import { listCommands } from './command-words.ts'
import { fishScript } from './fish-script.ts'
import { zshScript } from './zsh-script.ts'

/** Shells that have a completion script. */
export type CompletionShell = 'bash' | 'zsh' | 'fish'

const scripts: Readonly<Record<CompletionShell, typeof bashScript>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
}

/** A completion script, written from the commands and options of the program. */
export function completionScript(shell: CompletionShell, program: Command): string {
  return scripts[shell](listCommands(program))
}
