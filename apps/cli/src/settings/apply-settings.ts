import { UsageError } from '@flexgen/spec'
import { type Command, InvalidArgumentError, type Option } from 'commander'
import path from 'node:path'
import { boolean } from './option-parsers.ts'
import { checkKeys, configFileName, readConfigFile, variableOf } from './settings-files.ts'

/** Where settings come from besides flags. */
export interface SettingsPlace {
  /** Folder of `flexgen.config.json`. */
  readonly folder: string
  readonly env: Readonly<Record<string, string | undefined>>
}

/**
 * Fills in what no flag gave: flags over `FLEXGEN_*` variables over `flexgen.config.json` over defaults.
 * @throws {UsageError} for an unknown key, or a value that the flag would refuse
 */
export function applySettings(command: Command, { folder, env }: SettingsPlace): void {
  const config = readConfigFile(path.join(folder, configFileName))
  checkKeys(knownKeys(command), config, env)
  for (const option of settingsOf(command)) {
    const key = option.attributeName()
    const variable = variableOf(key)
    const given = command.getOptionValueSource(key)
    if (given !== undefined && given !== 'default') continue
    if (env[variable]) command.setOptionValueWithSource(key, convert(option, env[variable], variable), 'env')
    else if (Object.hasOwn(config, key)) {
      command.setOptionValueWithSource(key, convert(option, config[key], `${configFileName}: ${key}`), 'config')
    }
  }
}

/** Options of a command that are settings; `--no-x` is the other half of `--x`. */
function settingsOf(command: Command): Option[] {
  return command.options.filter((option) => !option.negate && option.long !== '--version')
}

/** Keys of all commands: a config file serves them all. */
function knownKeys(command: Command): Set<string> {
  const commands = command.parent?.commands ?? [command]
  return new Set(commands.flatMap((each) => settingsOf(each).map((option) => option.attributeName())))
}

function convert(option: Option, raw: unknown, where: string): unknown {
  const values = Array.isArray(raw) ? raw : [raw]
  if (values.length === 0 || !values.every((value) => ['string', 'number', 'boolean'].includes(typeof value))) {
    throw new UsageError(`${where}: the value must be a text, a number, true or false, or a list of them`)
  }
  try {
    let parsed: unknown
    const parse = option.required || option.optional ? (option.parseArg ?? String) : boolean
    for (const value of values) parsed = (parse as (text: string, before: unknown) => unknown)(String(value), parsed)
    if (Array.isArray(raw) && !Array.isArray(parsed)) throw new InvalidArgumentError('It takes one value, not a list.')
    return parsed
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error
    throw new UsageError(`${where}: ${error.message}`, { cause: error })
  }
}
