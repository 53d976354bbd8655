import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { longestLine, readLines } from './read-lines.ts'

async function linesOf(bytes: Uint8Array, chunkBytes = 3): Promise<string[]> {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let start = 0; start < bytes.length; start += chunkBytes) yield bytes.subarray(start, start + chunkBytes)
  }
  return collect(readLines(chunks(), 'x.jsonl'))
}

async function collect(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = []
  for await (const line of lines) all.push(line)
  return all
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('readLines', () => {
  it('ends lines at line feeds only, wherever the chunks are cut', async () => {
    const line = fc.string({ unit: 'grapheme', maxLength: 6 }).filter((text) => !/[\n\r\uFEFF]/.test(text))
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.integer({ min: 1, max: 9 }), async (given, chunkBytes) => {
        // The last line of a file may have no end; an empty one that has none is no line.
        const ends = given.map((text, i) => text + (i % 2 === 0 ? '\n' : '\r\n')).join('')
        expect(await linesOf(encode(ends), chunkBytes)).toEqual(given)
      }),
    )
    expect(await linesOf(encode('a\u2028b\rc\n\nd'))).toEqual(['a\u2028b\rc', '', 'd'])
  })

  it('leaves out the mark that some editors put first', async () => {
    expect(await linesOf(encode('\uFEFFa\nb'))).toEqual(['a', 'b'])
  })

  it.each([
    ['a byte that is none', [0x61, 0x0a, 0xff, 0x0a], 'x.jsonl is not UTF-8 text, in line 1 or after it'],
    ['a character that is cut at the end', [0x61, 0xc3], 'x.jsonl is not UTF-8 text, in line 1 or after it'],
  ])('refuses %s', async (_, bytes, message) => {
    await expect(linesOf(Uint8Array.from(bytes))).rejects.toMatchObject({ code: 'USAGE', message })
  })

  it('refuses a line without end before it fills memory', async () => {
    let givenBytes = 0
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) {
        givenBytes += 2 ** 16
        yield new Uint8Array(2 ** 16)
      }
    }
    const lines = collect(readLines(endless(), 'x'))
    await expect(lines).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining('line 1') })
    expect(givenBytes).toBeLessThanOrEqual(longestLine + 2 ** 16)
  })
})
