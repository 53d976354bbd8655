import { readFile, stat } from 'node:fs/promises'
import { type Stats, unwatchFile, watchFile } from 'node:fs'
import type { EngineBudget, parseSize } from 'flexgen'
import { CorruptDataError } from '@flexgen/spec'

/** How often the file is looked at. */
const intervalMs = 500

/** Has the file read at once. Sent to a process that does not listen for it, it would end it. */
const readSignal = 'SIGUSR2'

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

/** What takes the budgets of a file. */
export interface BudgetTaker {
  readonly setBudget: (budget: EngineBudget) => Promise<void>
  readonly toBytes: typeof parseSize
}

/**
 * A file of budgets that a run follows while it goes on: it may come later, and is read anew whenever it changes and at every
 * SIGUSR2, at once. However many changes and signals come while one is being carried out, they are one more.
 */
export class BudgetFile implements Disposable {
  readonly #file: string
  readonly #say: (line: string) => void
  #taker: BudgetTaker | undefined
  /** Of the file as it was read last because it had changed. */
  #seen = ''
  #isBusy = false
  #isDue = false

  /**
   * Listens for the signal from now on; what comes before `follow` waits for it.
   * @param say told what came of every change; nothing that is wrong in the file ends the run
   */
  constructor(file: string, say: (line: string) => void) {
    this.#file = file
    this.#say = say
    process.on(readSignal, this.#read)
  }

  /** Follows the file from now on. */
  follow(taker: BudgetTaker): void {
    this.#taker = taker
    watchFile(this.#file, { interval: intervalMs, persistent: false }, this.#look)
    if (this.#isDue) this.#read()
    // The watch tells only of what changes after its own first look, which the file may come before.
    else stat(this.#file).then(this.#look, () => undefined)
  }

  [Symbol.dispose](): void {
    process.off(readSignal, this.#read)
    unwatchFile(this.#file, this.#look)
    this.#taker = undefined
  }

  readonly #look = ({ mtimeMs, size }: Pick<Stats, 'mtimeMs' | 'size'>): void => {
    const version = versionOf({ mtimeMs, size })
    if (mtimeMs === 0 || version === this.#seen) return
    this.#seen = version
    this.#read()
  }

  readonly #read = (): void => {
    this.#isDue = true
    if (!this.#isBusy) void this.#applyAll()
  }

  async #applyAll(): Promise<void> {
    this.#isBusy = true
    while (this.#isDue && this.#taker !== undefined) {
      this.#isDue = false
      await this.#apply(this.#taker)
    }
    this.#isBusy = false
  }

  async #apply({ setBudget, toBytes }: BudgetTaker): Promise<void> {
    try {
      this.#seen = versionOf(await stat(this.#file))
      const budget = parseBudgetFile(await readFile(this.#file, 'utf8'), this.#file, toBytes)
      await setBudget(budget)
      this.#say(`budget of ${this.#file} is held: ${JSON.stringify(budget)}`)
    } catch (error) {
      this.#say(`budget of ${this.#file} is not taken: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
}

/** Time and size, since two writes may fall into one tick of the clock of files. */
function versionOf({ mtimeMs, size }: Pick<Stats, 'mtimeMs' | 'size'>): string {
  return `${mtimeMs} ${size}`
}
