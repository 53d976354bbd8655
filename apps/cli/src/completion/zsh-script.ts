import type { CompletedCommand, CompletedOption, Operand } from './command-words.ts'

/** Text inside single quotes of an `_arguments` specification. */
function quoted(text: string): string {
  return text.replaceAll(/[[\]:\\]/g, (letter) => `\\${letter}`).replaceAll("'", "'\\''")
}

function action(operand: Operand): string {
  if (operand.kind === 'choice') return `:value:(${operand.choices.join(' ')})`
  if (operand.kind === 'folder') return ':folder:_directories'
  if (operand.kind === 'file') return ':file:_files'
  return operand.kind === 'text' ? ':value:' : ''
}

function specifications({ flags, description, operand }: CompletedOption): string[] {
  return flags.map((flag) => `'*${flag}[${quoted(description)}]${action(operand)}'`)
}

/** A completion script for zsh. */
export function zshScript(commands: readonly CompletedCommand[]): string {
  const names = commands.map(({ name, description }) => `    '${name}:${quoted(description)}'`)
  const cases = commands.map(({ name, options, words }) => {
    const lines = options.flatMap(specifications)
    if (words.length > 0) lines.push(`'1:value:(${words.join(' ')})'`)
    return `    ${name})\n      _arguments \\\n        ${lines.join(' \\\n        ')}\n      ;;`
  })
  return `#compdef flexgen
# flexgen completion for zsh: source <(flexgen completion zsh), after compinit
_flexgen() {
  local -a commands
  commands=(
${names.join('\n')}
  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  shift words
  ((CURRENT--))
  case "$words[1]" in
${cases.join('\n')}
  esac
}
compdef _flexgen flexgen
`
}
