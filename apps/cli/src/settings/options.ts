import { type Command, Option } from 'commander'
import { boolean } from './option-parsers.ts'

type Parse = (text: string, before: never) => unknown

/** An option with a parser for its values. */
export function option(flags: string, description: string, parse?: Parse): Option {
  const made = new Option(flags, description)
  return parse === undefined ? made : made.argParser(parse as (text: string, before: unknown) => unknown)
}

/** Adds options under a heading of the help. */
export function addGroup(command: Command, heading: string, options: readonly Option[]): void {
  for (const each of options) command.addOption(each.helpGroup(heading))
}

/** FlexGen's form of a boolean: `--x`, `--no-x`, `--x true|false|1|0`. */
export function switchOptions(name: string, description: string): Option[] {
  return [option(`--${name} [boolean]`, description, boolean).preset('true'), new Option(`--no-${name}`).hideHelp()]
}
