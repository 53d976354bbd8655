import type { CompletedCommand, CompletedOption, Operand } from './command-words.ts'

function quoted(text: string): string {
  return `'${text.replaceAll(/['\\]/g, (letter) => `\\${letter}`)}'`
}

function operandPart(operand: Operand): string {
  if (operand.kind === 'choice') return ` -x -a ${quoted(operand.choices.join(' '))}`
  if (operand.kind === 'folder') return " -x -a '(__fish_complete_directories)'"
  if (operand.kind === 'file') return ' -r -F'
  return operand.kind === 'text' ? ' -x' : ''
}

function optionLine(command: string, { flags, description, operand }: CompletedOption): string {
  const spelled = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`))
  const condition = quoted(`__fish_seen_subcommand_from ${command}`)
  return `complete -c flexgen -n ${condition} ${spelled.join(' ')}${operandPart(operand)} -d ${quoted(description)}`
}

/** A completion script for fish. */
export function fishScript(commands: readonly CompletedCommand[]): string {
  const lines = commands.flatMap(({ name, description, options, words }) => [
    `complete -c flexgen -n __fish_use_subcommand -a ${name} -d ${quoted(description)}`,
    ...options.map((option) => optionLine(name, option)),
    ...(words.length === 0
      ? []
      : [`complete -c flexgen -n ${quoted(`__fish_seen_subcommand_from ${name}`)} -a ${quoted(words.join(' '))}`]),
  ])
  return `# flexgen completion for fish: flexgen completion fish > ~/.config/fish/completions/flexgen.fish
complete -c flexgen -f
complete -c flexgen -n __fish_use_subcommand -l version -d 'print the version'
${lines.join('\n')}
`
}
