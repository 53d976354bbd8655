import { UsageError } from '@flexgen/spec'

/** Longest line, in characters: far above any prompt, so that a file of another kind is refused before it fills memory. */
export const longestLine: number = 2 ** 22

/**
 * Lines of UTF-8 text that comes in chunks, without their ends. Only line feeds end a line, with or without a carriage
 * return before them: JSON allows every other separator inside a text, where Node's readline would break.
 * @param name of the file, for messages
 * @throws {UsageError} for bytes that are no UTF-8, and for a line that is too long
 */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let rest = ''
  let number = 1
  const decode = (chunk?: Uint8Array): string => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true })
    } catch (error) {
      throw new UsageError(`${name} is not UTF-8 text, in line ${number} or after it`, { cause: error })
    }
  }
  for await (const chunk of chunks) {
    const [first = '', ...others] = decode(chunk).split('\n')
    rest += first
    for (const next of others) {
      yield withoutReturn(rest)
      number++
      rest = next
    }
    if (rest.length > longestLine)
      throw new UsageError(`${name} line ${number} has more than ${longestLine} characters`)
  }
  rest += decode()
  if (rest !== '') yield withoutReturn(rest)
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line
}
