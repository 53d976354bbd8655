import type { ReplacementReport } from '@flexgen/core'
import { StorageError } from '@flexgen/spec'
import { appendFile } from 'node:fs/promises'
import path from 'node:path'
import { formatLogEntry, formatLogLines } from './format-log.ts'
import type { LogFigures } from './log-figures.ts'
import { autoLogFileName, type LogFileNameParts } from './log-file-name.ts'

/** One run for the log. */
export interface LogRecord {
  readonly title: string
  readonly command: string
  readonly figures: LogFigures
  readonly parts: LogFileNameParts
  /** What changed its place; absent where nothing may. */
  readonly replacement?: ReplacementReport | undefined
}

/**
 * Appends a run to a log. A named file gets the whole entry with title and command, as FlexGen's suites write it;
 * `auto` is a file in `folder` whose name says the policy, and gets the five lines alone.
 * @returns the file
 * @throws {FlexgenError} `NOT_WRITABLE`, `OUT_OF_DISK`, `FILE_NOT_FOUND` for a missing folder
 */
export async function appendLog(logFile: string, folder: string, record: LogRecord): Promise<string> {
  const isAuto = logFile === 'auto'
  const file = isAuto ? path.join(folder, autoLogFileName(record.parts)) : logFile
  const text = isAuto
    ? `${formatLogLines(record.figures).join('\n')}\n`
    : formatLogEntry(record.title, record.command, record.figures, record.replacement)
  try {
    await appendFile(file, text)
  } catch (error) {
    throw StorageError.from(error, `write ${file}`)
  }
  return file
}
