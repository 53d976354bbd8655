import { InvalidArgumentError } from 'commander'

/** A parser for a whole number of at least `least`. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value
    throw new InvalidArgumentError(`It must be a whole number of ${least} or above.`)
  }
}

/** A parser for a number in a range, written as digits with a point. */
export function numberWithin(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d+(\.\d+)?$|^\.\d+$/.test(text) && value >= least && value <= most) return value
    const range = most === Number.POSITIVE_INFINITY ? `of ${least} or above` : `from ${least} to ${most}`
    throw new InvalidArgumentError(`It must be a number ${range}.`)
  }
}

const booleans: Readonly<Record<string, boolean>> = { true: true, false: false, '1': true, '0': false }

/** FlexGen's booleans: true, false, 1, 0. */
export function boolean(text: string): boolean {
  const value = Object.hasOwn(booleans, text.toLowerCase()) ? booleans[text.toLowerCase()] : undefined
  if (value !== undefined) return value
  throw new InvalidArgumentError('It must be true, false, 1 or 0.')
}

/** Collects the values of an option that may be repeated. */
export function repeated(text: string, before: readonly string[] = []): string[] {
  return [...before, text]
}

/** Collects lists of token ids such as `5,17,42`. */
export function repeatedIds(text: string, before: readonly (readonly number[])[] = []): (readonly number[])[] {
  const parts = text.split(/[\s,]+/).filter((part) => part !== '')
  const ids = parts.map(Number)
  if (ids.length > 0 && parts.every((part) => /^\d+$/.test(part)) && ids.every(Number.isSafeInteger)) {
    return [...before, ids]
  }
  throw new InvalidArgumentError('It must be token ids such as 5,17,42.')
}

/** Collects percents, also several in one text, as in a variable. */
export function percents(text: string, before: readonly number[] = []): number[] {
  const parts = text.split(/[\s,]+/).filter((part) => part !== '')
  return [...before, ...parts.map(numberWithin(0, 100))]
}
