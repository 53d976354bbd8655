import type { Argument, Command, Option } from 'commander'

/** What can follow an option. */
export type Operand =
  | { readonly kind: 'none' | 'file' | 'folder' | 'text' }
  | { readonly kind: 'choice'; readonly choices: readonly string[] }

/** An option as a completion script needs it. */
export interface CompletedOption {
  /** `--gen-len` and `--max-new-tokens`: all spellings. */
  readonly flags: readonly string[]
  readonly description: string
  readonly operand: Operand
}

/** A command as a completion script needs it. */
export interface CompletedCommand {
  readonly name: string
  readonly description: string
  readonly options: readonly CompletedOption[]
  /** Words that can follow it. */
  readonly words: readonly string[]
}

/** Commands of a program with everything that can be completed. */
export function listCommands(program: Command): CompletedCommand[] {
  return program.commands.map((command) => ({
    name: command.name(),
    description: oneSentence(command.description()),
    options: [...command.options.map(toOption), help],
    words: command.registeredArguments.flatMap((argument: Argument) => argument.argChoices ?? []),
  }))
}

const help: CompletedOption = { flags: ['-h', '--help'], description: 'show help', operand: { kind: 'none' } }

function toOption(option: Option): CompletedOption {
  const flags = [option.short, option.long].filter((flag) => flag !== undefined)
  const description = oneSentence(option.description || `turn off ${option.long?.replace('--no-', '--')}`)
  return { flags, description, operand: operandOf(option) }
}

/** By the choices, or by the name of the placeholder in the help. */
function operandOf({ argChoices, flags, required, optional }: Option): Operand {
  if (argChoices !== undefined) return { kind: 'choice', choices: argChoices }
  if (optional) return { kind: 'choice', choices: ['true', 'false'] }
  if (!required) return { kind: 'none' }
  if (flags.includes('<file>')) return { kind: 'file' }
  return { kind: /<(folder|model)>/.test(flags) ? 'folder' : 'text' }
}

/** Up to the first semicolon or full stop, so that a line of the shell's list stays short. */
function oneSentence(text: string): string {
  return text.split(/[;.](?:\s|$)/)[0] ?? ''
}
