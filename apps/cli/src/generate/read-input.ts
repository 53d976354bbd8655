import { AbortedError, StorageError, UsageError } from '@flexgen/spec'
import type { PromptRequest } from 'flexgen'
import { createReadStream } from 'node:fs'
import { addAbortSignal, type Readable } from 'node:stream'
import { readLines } from './read-lines.ts'

/** Keys that a line may have. */
const keys = new Set(['prompt', 'promptIds', 'maxNewTokens'])

/**
 * Prompts of a file of JSON lines, or of standard input where the file is `-`; empty lines are skipped.
 * @throws {UsageError} naming the first bad line by its number
 * @throws {FlexgenError} `FILE_NOT_FOUND`, `READ_FAILED`, `ABORTED` after the signal
 */
export async function readInput(file: string, signal: AbortSignal): Promise<PromptRequest[]> {
  const name = file === '-' ? 'standard input' : file
  const requests: PromptRequest[] = []
  let number = 0
  try {
    const stream: Readable = file === '-' ? process.stdin : createReadStream(file)
    for await (const line of readLines(addAbortSignal(signal, stream), name)) {
      number++
      if (line.trim() !== '') requests.push(parseInputLine(line, `${name} line ${number}`))
    }
  } catch (error) {
    if (signal.aborted) throw new AbortedError(`reading ${name} was stopped`, { cause: error })
    throw StorageError.from(error, `read ${name}`)
  }
  if (requests.length === 0) throw new UsageError(`${name} has no prompt`)
  return requests
}

/** One line; `label` names it in messages. @throws {UsageError} */
export function parseInputLine(text: string, label: string): PromptRequest {
  const refuse = (why: string, cause?: unknown): never => {
    const hint = 'each line is {"prompt": "text"} or {"promptIds": [5, 17]}, with "maxNewTokens": 64 if you like'
    throw new UsageError(`${label} ${why}`, { hint, cause })
  }
  let line: unknown
  try {
    line = JSON.parse(text)
  } catch (error) {
    return refuse(`is not JSON: ${(error as Error).message}`, error)
  }
  if (typeof line !== 'object' || line === null || Array.isArray(line)) return refuse('is not a JSON object')
  const unknownKey = Object.keys(line).find((key) => !keys.has(key))
  if (unknownKey !== undefined) return refuse(`has the unknown key '${unknownKey}'`)
  const { prompt, promptIds, maxNewTokens } = line as Readonly<Record<string, unknown>>
  if ((prompt === undefined) === (promptIds === undefined)) return refuse('needs either prompt or promptIds')
  if (prompt !== undefined && typeof prompt !== 'string') return refuse('has a prompt that is no text')
  const isIdList = Array.isArray(promptIds) && promptIds.every((id) => typeof id === 'number')
  if (promptIds !== undefined && !isIdList) return refuse('has promptIds that are no list of numbers')
  if (maxNewTokens !== undefined && typeof maxNewTokens !== 'number')
    return refuse('has a maxNewTokens that is no number')
  return {
    label,
    ...(typeof prompt === 'string' ? { prompt } : { promptIds: promptIds as number[] }),
    ...(maxNewTokens !== undefined && { maxNewTokens }),
  }
}
