import { stripVTControlCharacters } from 'node:util'
import type { Output } from '../output/terminal.ts'

/** Writes text that comes in pieces as lines of whole words. */
export interface WordWrap {
  /** Takes the next piece; a word is written once the white space behind it has come. */
  write(piece: string): void
  /** Writes what is left, with a mark behind it, and ends the line. */
  end(mark?: string): void
}

/** Lines of at most `width` columns, `indent` spaces included. Any white space is one space; colours do not count. */
export function createWordWrap(
  out: Pick<Output, 'write'>,
  { indent, width }: { readonly indent: number; readonly width: number },
): WordWrap {
  let column = 0
  let word = ''
  const writeWord = (): void => {
    if (word === '') return
    const length = stripVTControlCharacters(word).length
    const fits = column + 1 + length <= width
    if (column === 0 || !fits) out.write((column === 0 ? '' : '\n') + ' '.repeat(indent))
    else out.write(' ')
    column = (column === 0 || !fits ? indent : column + 1) + length
    out.write(word)
    word = ''
  }
  return {
    write: (piece) => {
      const [first = '', ...others] = piece.split(/\s+/)
      word += first
      for (const next of others) {
        writeWord()
        word = next
      }
    },
    end: (mark = '') => {
      word += mark
      writeWord()
      out.write('\n')
    },
  }
}
