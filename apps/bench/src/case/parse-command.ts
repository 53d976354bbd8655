import { UsageError } from '@flexgen/spec'
import type { CaseFlags } from './case-flags.ts'
import { type Flag, flagTable, ownFlags, wholeRunFlags } from './flag-table.ts'
import { splitWords } from './split-words.ts'

interface FoundFlag {
  /** Undefined for a flag of the whole run. */
  readonly key: keyof CaseFlags | undefined
  readonly flag: Flag
}

const allFlags: ReadonlyMap<string, FoundFlag> = new Map(
  [
    ...Object.entries(flagTable).map(([key, flag]) => ({ key: key as keyof CaseFlags, flag })),
    ...wholeRunFlags.map((flag) => ({ key: undefined, flag })),
  ].flatMap((found) => found.flag.names.map((name) => [name, found] as const)),
)

/**
 * The flags of a command of FlexGen or of ours: what stands before the first flag (`python -m flexgen.flex_opt`) is
 * skipped, names may be cut short as argparse allows it, and the log's flags are ignored.
 * @throws {UsageError} for an unknown or ambiguous flag, or a value it does not take
 */
export function parseCommand(command: string): CaseFlags {
  const words = splitWords(command)
  const start = words.findIndex((word) => word.startsWith('--'))
  const flags: Record<string, unknown> = {}
  for (let at = start < 0 ? words.length : start; at < words.length;) {
    const [name, inlineValue] = splitOnce(words[at]!.slice(2))
    if (!words[at]!.startsWith('--')) throw new UsageError(`'${words[at]}' belongs to no flag, in: ${command}`)
    at++
    const values = inlineValue === undefined ? [] : [inlineValue]
    if (inlineValue === undefined)
      for (; at < words.length && !words[at]!.startsWith('--'); at++) values.push(words[at]!)
    const { key, value } = readFlag(name, values)
    if (key !== undefined) flags[key] = value
  }
  return flags
}

function readFlag(name: string, values: readonly string[]): FoundFlag & { readonly value: unknown } {
  const found = findFlag(name)
  if (found !== undefined) return { ...found, value: valueOf(found.flag, name, values) }
  const negated = name.startsWith('no-') ? findFlag(name.slice('no-'.length)) : undefined
  if (negated?.flag.kind !== 'switch') throw new UsageError(`there is no flag --${name} in a case`)
  if (values.length > 0) throw new UsageError(`--${name} takes no value`)
  return { ...negated, value: false }
}

/** The flag of a name that may be cut short, as Python's argparse takes it. */
function findFlag(name: string): FoundFlag | undefined {
  const exact = allFlags.get(name)
  if (exact !== undefined || name === '') return exact
  const starting = [...allFlags].filter(([full]) => full.startsWith(name))
  const originals = starting.filter(([, { key }]) => key === undefined || !ownFlags.has(key))
  const candidates = originals.length > 0 ? originals : starting
  if (new Set(candidates.map(([, found]) => found)).size > 1) {
    throw new UsageError(`--${name} may be ${candidates.map(([full]) => `--${full}`).join(' or ')}`)
  }
  return candidates[0]?.[1]
}

function valueOf(flag: Flag, name: string, values: readonly string[]): unknown {
  const [first, ...others] = values
  const refuse = (what: string): never => {
    throw new UsageError(`--${name} takes ${what}, got '${values.join(' ')}'`)
  }
  if (flag.kind === 'percents') {
    const percents = values.map(Number)
    return percents.length === 6 && values.every(isNumber) ? percents : refuse('six numbers')
  }
  if (others.length > 0) refuse('one value')
  if (flag.kind === 'switch') {
    return booleans.get((first ?? 'true').toLowerCase()) ?? refuse('true, false, 1 or 0')
  }
  if (first === undefined || first === '') return refuse('a value')
  switch (flag.kind) {
    case 'text':
      return first
    case 'number':
      return isNumber(first) ? Number(first) : refuse('a number')
    case 'whole':
      return /^\d+$/.test(first) && Number(first) >= flag.least
        ? Number(first)
        : refuse(`a whole number of ${flag.least} or above`)
    case 'choice':
      return flag.choices.includes(first) ? first : refuse(flag.choices.join(' or '))
  }
}

/** What FlexGen's `str2bool` takes. */
const booleans: ReadonlyMap<string, boolean> = new Map([
  ...['yes', 'true', 't', 'y', '1'].map((word) => [word, true] as const),
  ...['no', 'false', 'f', 'n', '0'].map((word) => [word, false] as const),
])

function isNumber(text: string): boolean {
  return /^\d+(\.\d+)?$|^\.\d+$/.test(text)
}

function splitOnce(word: string): [name: string, value: string | undefined] {
  const at = word.indexOf('=')
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)]
}
