import { UsageError } from '@flexgen/spec'

/**
 * The words of a command as a shell would see them: blanks part, quotes and backslashes keep together. Nothing is
 * expanded.
 * @throws {UsageError} for a quote that does not end
 */
export function splitWords(command: string): string[] {
  const pattern = /\s+|"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)|([^\s"'\\]+)|(.)/gsu
  const words: string[] = []
  let word: string | undefined
  for (const [, double, single, escaped, plain, rest] of command.matchAll(pattern)) {
    if (rest !== undefined) throw new UsageError(`a quote does not end: ${command}`)
    const text = double?.replaceAll(/\\(["\\$`])/g, '$1') ?? single ?? escaped ?? plain
    if (text !== undefined) word = (word ?? '') + text
    else {
      if (word !== undefined) words.push(word)
      word = undefined
    }
  }
  return word === undefined ? words : [...words, word]
}

/** A word as it must stand in a command for a shell to see it so. */
export function quoteWord(word: string): string {
  return /^[\w@%+=:,./~-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
