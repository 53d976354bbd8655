import type { CompletedCommand, CompletedOption, Operand } from './command-words.ts'

function operandLine(operand: Operand): string {
  if (operand.kind === 'choice') return `COMPREPLY=($(compgen -W '${operand.choices.join(' ')}' -- "$current"))`
  if (operand.kind === 'folder') return 'compopt -o filenames; COMPREPLY=($(compgen -d -- "$current"))'
  if (operand.kind === 'file') return 'compopt -o filenames; COMPREPLY=($(compgen -f -- "$current"))'
  return 'COMPREPLY=()'
}

function optionCase(command: string, { flags, operand }: CompletedOption): string {
  return `    ${flags.map((flag) => `${command}:${flag}`).join('|')}) ${operandLine(operand)}; return ;;`
}

/** A completion script for bash 4 or newer. */
export function bashScript(commands: readonly CompletedCommand[]): string {
  const names = commands.map(({ name }) => name).join(' ')
  const operands = commands.flatMap(({ name, options }) =>
    options.filter(({ operand }) => operand.kind !== 'none').map((option) => optionCase(name, option)),
  )
  const words = commands.map(
    ({ name, options, words: own }) =>
      `    ${name}) words='${[...options.flatMap(({ flags }) => flags), ...own].join(' ')}' ;;`,
  )
  return `# flexgen completion for bash: source <(flexgen completion bash)
_flexgen() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" command="\${COMP_WORDS[1]}" words
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W '${names} --help --version' -- "$current"))
    return
  fi
  case "$command:$previous" in
${operands.join('\n')}
  esac
  case "$command" in
${words.join('\n')}
    *) words='' ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _flexgen flexgen
`
}
