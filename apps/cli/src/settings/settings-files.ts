import { StorageError, UsageError } from '@flexgen/spec'
import { readFileSync } from 'node:fs'

/** Name of the file with settings, in the folder where the command runs. */
export const configFileName = 'flexgen.config.json'

/** The variable of a setting: `maxRam` is `FLEXGEN_MAX_RAM`. */
export function variableOf(key: string): string {
  return `FLEXGEN_${key.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
}

/**
 * The settings of a config file; empty where there is none.
 * @throws {UsageError} where it is no JSON object
 */
export function readConfigFile(file: string): Readonly<Record<string, unknown>> {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const failure = StorageError.from(error, `read ${file}`)
    if (failure.code === 'FILE_NOT_FOUND') return {}
    throw failure
  }
  const value = parseObject(text, file)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new UsageError(`${file} is not a JSON object`, {
    hint: 'write settings as {"backend": "auto", "maxRam": "3GB"}',
  })
}

function parseObject(text: string, file: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new UsageError(`${file} is not JSON: ${(error as Error).message}`, { cause: error })
  }
}

/**
 * Refuses what looks like a setting and is none, such as a misspelled variable. Variables of tests
 * (`FLEXGEN_TEST_...`) and those of packages below are left alone.
 * @throws {UsageError} naming the first unknown key
 */
export function checkKeys(
  known: ReadonlySet<string>,
  config: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string | undefined>>,
): void {
  const unknownKey = Object.keys(config).find((key) => !known.has(key))
  if (unknownKey !== undefined) {
    throw new UsageError(`${configFileName}: there is no setting '${unknownKey}'`, {
      hint: `settings are named as the flags in camelCase: ${[...known].toSorted().join(', ')}`,
    })
  }
  const variables = new Set([...known].map(variableOf))
  const unknownVariable = Object.keys(env).find(
    (name) =>
      name.startsWith('FLEXGEN_') &&
      !name.startsWith('FLEXGEN_TEST_') &&
      !variables.has(name) &&
      !packageVariables.has(name),
  )
  if (unknownVariable !== undefined) {
    throw new UsageError(`there is no setting for the variable ${unknownVariable}`, {
      hint: 'variables are named as the flags: FLEXGEN_MAX_RAM is --max-ram',
    })
  }
}

/** Variables that `@flexgen/backend-native` reads itself. */
const packageVariables: ReadonlySet<string> = new Set(
  ['LIBRARY', 'CACHE', 'LEVEL', 'SANITIZE'].map((name) => `FLEXGEN_NATIVE_${name}`),
)
