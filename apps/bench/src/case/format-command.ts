import type { CaseFlags } from './case-flags.ts'
import { flagTable } from './flag-table.ts'
import { quoteWord } from './split-words.ts'

/** The command that runs a case, as it stands in logs and reports; `parseCommand` reads it back. */
export function formatCommand(flags: CaseFlags): string {
  const words = Object.entries(flagTable).flatMap(([key, { names, kind }]) => {
    const value = flags[key as keyof CaseFlags]
    // The command keeps a history where nothing else is said.
    if (value === undefined || (key === 'history' && value === true)) return []
    const name = `--${names[0]}`
    if (kind === 'switch') return value === true ? [name] : [`--no-${names[0]}`]
    return [name, ...(Array.isArray(value) ? value : [value]).map((each) => quoteWord(String(each)))]
  })
  return ['flexgen bench', ...words].join(' ')
}
