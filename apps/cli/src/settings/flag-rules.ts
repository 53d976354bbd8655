import { UsageError } from '@flexgen/spec'
import type { Command, Option } from 'commander'
import { configFileName, variableOf } from './settings-files.ts'

/** Which flags of a command go together; they are named by their attribute (`gpuBatchSize`). */
export interface FlagRules {
  /** Pairs that contradict each other, with the reason. */
  readonly excludes?: readonly Exclusion[]
  /** Flags that mean nothing without one of some others. */
  readonly needs?: readonly Need[]
  /** Flags of FlexGen that another command has, or values of them. */
  readonly elsewhere?: readonly Elsewhere[]
}

/** A flag, or one value of it, that belongs to another command. */
export interface Elsewhere {
  readonly flag: string
  readonly value?: string
  readonly command: string
}

/** Two flags that contradict each other; `when` says for which values, if not for all. */
export interface Exclusion {
  readonly flags: readonly [string, string]
  readonly why: string
  readonly when?: (first: unknown, second: unknown) => boolean
}

/** A flag that needs one of some others. */
export interface Need {
  readonly flag: string
  readonly oneOf: readonly [string, ...string[]]
  readonly why: string
}

/** From the weakest place to the strongest. */
const places = ['config', 'env', 'cli']

/**
 * Refuses flags that do not go together, before anything else happens. Of two that exclude each other the one from the
 * stronger place counts (flags over variables over the config file), as with one flag that is given twice.
 * @throws {UsageError} naming both flags
 */
export function checkFlagRules(command: Command, { excludes = [], needs = [], elsewhere = [] }: FlagRules): void {
  for (const { flag, value, command: other } of elsewhere) {
    // Settings in variables and the config file serve all commands.
    if (sourceOf(command, flag) !== 'cli' || (value !== undefined && command.getOptionValue(flag) !== value)) continue
    const what = [longName(command, flag), ...(value === undefined ? [] : [value])].join(' ')
    throw new UsageError(`${what} is not for ${command.name()}`, { hint: `flexgen ${other} has it` })
  }
  for (const { flags, why, when = () => true } of excludes) {
    const [first, second] = flags
    if (!isGiven(command, first) || !isGiven(command, second)) continue
    if (!when(command.getOptionValue(first), command.getOptionValue(second))) continue
    const [a, b] = [first, second].map((key) => places.indexOf(sourceOf(command, key)!)) as [number, number]
    if (a === b)
      throw new UsageError(`${nameOf(command, first)} and ${nameOf(command, second)} do not go together: ${why}`)
    const weaker = a < b ? first : second
    command.setOptionValueWithSource(weaker, optionOf(command, weaker)?.defaultValue, 'default')
  }
  for (const { flag, oneOf, why } of needs) {
    if (!isGiven(command, flag) || oneOf.some((key) => isGiven(command, key))) continue
    const known = oneOf.filter((key) => optionOf(command, key) !== undefined)
    const names = known.map((key) => longName(command, key)).join(' or ')
    throw new UsageError(`${nameOf(command, flag)} needs ${names}: ${why}`)
  }
}

function sourceOf(command: Command, key: string): string | undefined {
  return command.getOptionValueSource(key)
}

/** Whether a place says so; a switch that is turned off is as good as not given, but for one that is on by default. */
function isGiven(command: Command, key: string): boolean {
  const source = sourceOf(command, key)
  return source !== undefined && source !== 'default' && (command.getOptionValue(key) !== false || key === 'log')
}

function optionOf(command: Command, key: string): Option | undefined {
  return command.options.find((option) => option.attributeName() === key && !option.negate)
}

/** The flag as it is written, with its other name; `--no-log` has no other half. */
function longName(command: Command, key: string): string {
  const option = optionOf(command, key) ?? command.options.find((each) => each.attributeName() === key)
  return [option?.short, option?.long ?? `--${key}`].filter((name) => name !== undefined).join('/')
}

/** The flag, or the variable or setting by which it was given. */
function nameOf(command: Command, key: string): string {
  const source = sourceOf(command, key)
  if (source === 'env') return variableOf(key)
  return source === 'config' ? `${key} of ${configFileName}` : longName(command, key)
}
