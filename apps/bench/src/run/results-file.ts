import { FlexgenError, StorageError, UsageError } from '@flexgen/spec'
import { createHash } from 'node:crypto'
import { appendFile, readFile, truncate } from 'node:fs/promises'
import { z } from 'zod'
import { type Outcome, outcomeSchema } from './outcome.ts'
import type { Side } from './side.ts'

/** One kept run as it stands in the file. */
export interface ResultLine {
  readonly side: number
  readonly repetition: number
  /** Counts the times that the benchmark was started: runs of one sitting are side by side. */
  readonly sitting: number
  readonly outcome: Outcome
}

/** The file that results go to as they come: one line of JSON each, behind a line that says what is measured. */
export interface ResultsFile {
  /** Results of earlier sittings. */
  readonly earlier: readonly ResultLine[]
  /** Number of this sitting, from 0. */
  readonly sitting: number
  add(line: Omit<ResultLine, 'sitting'>): Promise<void>
}

const headSchema: z.ZodType<{ readonly flexgenBench: 1; readonly key: string }> = z.object({
  flexgenBench: z.literal(1),
  key: z.string(),
})
const count = z.number().int().nonnegative()
const lineSchema: z.ZodType<ResultLine> = z.object({
  side: count,
  repetition: count,
  sitting: count,
  outcome: outcomeSchema,
})

/**
 * Makes the file, or goes on with one of the same sides. A last line that was torn by a crash is cut off.
 * @param resume go on with the file where it is there; without it an existing file is refused
 * @throws {FlexgenError} `USAGE` for an existing file, or one of other commands; `CORRUPT_DATA`; `NOT_WRITABLE`
 */
export async function openResults(file: string, sides: readonly Side[], resume: boolean): Promise<ResultsFile> {
  const key = keyOf(sides)
  const text = await readExisting(file)
  if (text !== undefined && !resume) {
    throw new UsageError(`${file} has results already`, { hint: 'go on with --resume, or choose another --output-dir' })
  }
  const earlier = text === undefined ? [] : readLines(text, key, file)
  const add = async (value: object): Promise<void> => {
    try {
      await appendFile(file, `${JSON.stringify(value)}\n`)
    } catch (error) {
      throw StorageError.from(error, `write ${file}`)
    }
  }
  if (text === undefined || text.indexOf('\n') < 0) {
    if (text !== undefined) await truncate(file, 0)
    await add({ flexgenBench: 1, key })
  } else await truncate(file, Buffer.byteLength(text.slice(0, text.lastIndexOf('\n') + 1)))
  const sitting = 1 + earlier.reduce((latest, line) => Math.max(latest, line.sitting), -1)
  return { earlier, sitting, add: (line) => add({ ...line, sitting }) }
}

/** What results must have in common to belong together: the sides, not how often they are repeated. */
function keyOf(sides: readonly Side[]): string {
  return createHash('sha256').update(JSON.stringify(sides)).digest('hex').slice(0, 16)
}

async function readExisting(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const failure = StorageError.from(error, `read ${file}`)
    if (failure.code === 'FILE_NOT_FOUND') return undefined
    throw failure
  }
}

function readLines(text: string, key: string, file: string): ResultLine[] {
  const [head, ...lines] = text.split('\n').slice(0, -1)
  if (head === undefined) return []
  if (parse(headSchema, head, `${file} line 1`).key !== key) {
    throw new UsageError(`${file} has results of other commands`, { hint: 'choose another --output-dir' })
  }
  return lines.map((line, i) => parse(lineSchema, line, `${file} line ${i + 2}`))
}

function parse<Value>(schema: z.ZodType<Value>, line: string, where: string): Value {
  try {
    return schema.parse(JSON.parse(line))
  } catch (error) {
    throw new FlexgenError({ code: 'CORRUPT_DATA', message: `${where} is not a result of flexgen bench`, cause: error })
  }
}
