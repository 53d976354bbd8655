import { CorruptDataError } from '@flexgen/spec'
import type { OutputLine } from './output-record.ts'

/**
 * Reads a line of an earlier `--output`.
 * @throws {CorruptDataError} for a line that none of our runs has written
 */
export function parseOutputLine(text: string, where: string): OutputLine {
  const line = parse(text, where) as Partial<OutputLine> | null
  const isLine =
    typeof line === 'object' &&
    line !== null &&
    Number.isSafeInteger(line.index) &&
    line.index! >= 0 &&
    isIds(line.promptIds) &&
    isIds(line.ids)
  if (isLine) return line as OutputLine
  throw notOurs(where)
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw notOurs(where, cause)
  }
}

function isIds(value: unknown): boolean {
  return Array.isArray(value) && value.every((id) => Number.isSafeInteger(id))
}

function notOurs(where: string, cause?: unknown): CorruptDataError {
  return new CorruptDataError(`${where} is no result of generate`, {
    cause,
    hint: 'give the --output of the run that is resumed, or leave --resume out to write it anew',
  })
}
