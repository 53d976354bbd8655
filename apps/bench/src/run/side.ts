import type { BenchCase } from '../case/bench-case.ts'
import { type CaseSettings, settingsOf } from '../case/case-settings.ts'
import { formatCommand } from '../case/format-command.ts'
import { simulatedTitle } from '../simulate/simulated-title.ts'

/** One of the things that are measured side by side. */
export type Side =
  | {
      readonly kind: 'flexgen'
      readonly title: string
      /** As it stands in logs and reports. */
      readonly command: string
      readonly settings: CaseSettings
    }
  | { readonly kind: 'command'; readonly title: string; readonly command: string }

/**
 * The side of a case of ours.
 * @throws {UsageError} where the engine cannot do it, naming the case
 */
export function sideOfCase(benchCase: BenchCase, warmUpTokens: number): Side {
  const { flags } = benchCase
  const title = simulatedTitle(benchCase.title, flags.simulate)
  return { kind: 'flexgen', title, command: formatCommand(flags), settings: settingsOf(flags, warmUpTokens) }
}

/** The side of a foreign command, which may have a title before it. */
export function sideOfCommand(given: string): Side {
  const { title, command } = splitTitle(given)
  return { kind: 'command', title: title ?? shorten(command), command }
}

/** Takes `TITLE: COMMAND` apart; a title has no quotes, slashes or signs that mean something to a shell. */
export function splitTitle(given: string): { readonly title: string | undefined; readonly command: string } {
  const [, title, command] = /^([\w .,+()%-]*\w[\w .,+()%-]*): +(\S.*)$/s.exec(given) ?? []
  return command === undefined ? { title: undefined, command: given } : { title, command }
}

function shorten(command: string): string {
  return command.length <= 60 ? command : `${command.slice(0, 59)}…`
}
