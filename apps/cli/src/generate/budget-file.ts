import { readFile, stat } from 'node:fs/promises'
import { type Stats, unwatchFile, watchFile } from 'node:fs'
import type { EngineBudget, parseSize } from 'flexgen'
import { CorruptDataError } from '@flexgen/spec'

/** How often the file is looked at. */
const intervalMs = 500

const tiers = ['device', 'ram'] as const

/**
 * Budgets of a file such as `{"device": "14GiB", "ram": "8GB"}`.
 * @throws {FlexgenError} `CORRUPT_DATA` for what is no such object, `USAGE` for a size that is none
 */
export function parseBudgetFile(text: string, file: string, toBytes: typeof parseSize): EngineBudget {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new CorruptDataError(`budget file ${file} is no JSON`, { cause: error })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CorruptDataError(`budget file ${file} must be an object such as {"device": "14GiB"}`)
  }
  const budget: { -readonly [Tier in keyof EngineBudget]: number } = {}
  for (const [key, size] of Object.entries(value)) {
    const tier = tiers.find((each) => each === key)
    if (tier === undefined || (typeof size !== 'string' && typeof size !== 'number')) {
      throw new CorruptDataError(`budget file ${file}: ${key} must be device or ram, with a size`)
    }
    budget[tier] = toBytes(size, `${key} of ${file}`)
  }
  return budget
}

/** What follows a budget file. */
export interface BudgetFileOptions {
  readonly file: string
  readonly setBudget: (budget: EngineBudget) => Promise<void>
  readonly toBytes: typeof parseSize
  /** Told what came of every change; nothing that is wrong in the file ends the run. */
  readonly say: (line: string) => void
}

/** Follows a file of budgets while a run goes on; it may be there or come later, and is read anew whenever it changes. */
export function followBudgetFile({ file, setBudget, toBytes, say }: BudgetFileOptions): Disposable {
  const apply = async (): Promise<void> => {
    try {
      const budget = parseBudgetFile(await readFile(file, 'utf8'), file, toBytes)
      await setBudget(budget)
      say(`budget of ${file} is held: ${JSON.stringify(budget)}`)
    } catch (error) {
      say(`budget of ${file} is not taken: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  let seen = ''
  const look = ({ mtimeMs, size }: Pick<Stats, 'mtimeMs' | 'size'>): void => {
    // Both, since two writes may fall into one tick of the clock of files.
    const version = `${mtimeMs} ${size}`
    if (mtimeMs === 0 || version === seen) return
    seen = version
    void apply()
  }
  watchFile(file, { interval: intervalMs, persistent: false }, look)
  // The watch tells only of what changes after its own first look, which the file may come before.
  stat(file).then(look, () => undefined)
  return { [Symbol.dispose]: () => unwatchFile(file, look) }
}
