import type { Tokenizer } from '@flexgen/spec'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkStopTexts, createTextTrack, type TextTrack } from './text-track.ts'

/** One id a UTF-8 byte, so that characters are split between tokens. */
const byteTokenizer: Tokenizer = {
  specificationVersion: 'v1',
  vocabularySize: 256,
  encode: (text) => [...new TextEncoder().encode(text)],
  decode: (ids) => new TextDecoder().decode(Uint8Array.from(ids)),
  stream: () => {
    const decoder = new TextDecoder()
    return { push: (id) => decoder.decode(Uint8Array.of(id), { stream: true }), end: () => decoder.decode() }
  },
}

/** Pushes ids until the track stops; returns every delta, the last one from `finish`. */
function run(track: TextTrack, ids: readonly number[]): string[] {
  const deltas: string[] = []
  for (const [position, id] of ids.entries()) {
    const stopped = track.push(position, id)
    deltas.push(track.delta(position))
    if (stopped) break
  }
  return [...deltas, track.finish()]
}

const ids = (text: string): number[] => byteTokenizer.encode(text)

describe('text track', () => {
  it('gives text out as soon as its characters are whole', () => {
    expect(run(createTextTrack(byteTokenizer), ids('aé'))).toEqual(['a', '', 'é', ''])
  })

  it('cuts at the stop text and holds back what may begin it', () => {
    const track = createTextTrack(byteTokenizer, ['\n\n'])
    expect(run(track, ids('a\nb\n\nc'))).toEqual(['a', '', '\nb', '', '', ''])
    expect(track).toMatchObject({ text: 'a\nb', stopped: true })
  })

  it('gives out what it held back when the end comes first', () => {
    const track = createTextTrack(byteTokenizer, ['END'])
    expect(run(track, ids('the EN'))).toEqual(['t', 'h', 'e', ' ', '', '', 'EN'])
    expect(track).toMatchObject({ text: 'the EN', stopped: false })
  })

  it('takes a position once', () => {
    const track = createTextTrack(byteTokenizer)
    track.push(0, 97)
    track.push(0, 98)
    expect(track.text).toBe('a')
    expect(track.delta(1)).toBe('')
  })

  it('is the decoded text up to the first stop text, whatever the split', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '😀', '\n') })
    const stops = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'é', '\n'), minLength: 1, maxLength: 4 }), {
      maxLength: 3,
    })
    fc.assert(
      fc.property(letters, stops, (text, stopTexts) => {
        const track = createTextTrack(byteTokenizer, stopTexts)
        const deltas = run(track, ids(text))
        // The text ends with the first token that completes a stop text, which may not be the leftmost one.
        const ends = stopTexts.flatMap((stop) => (text.includes(stop) ? [text.indexOf(stop) + stop.length] : []))
        const seen = ends.length > 0 ? text.slice(0, Math.min(...ends)) : text
        const starts = stopTexts.flatMap((stop) => (seen.includes(stop) ? [seen.indexOf(stop)] : []))
        expect(track.text).toBe(starts.length > 0 ? seen.slice(0, Math.min(...starts)) : seen)
        expect(deltas.join('')).toBe(track.text)
        expect(track.stopped).toBe(starts.length > 0)
      }),
    )
  })

  it('refuses an empty stop text', () => expect(() => checkStopTexts(['a', ''])).toThrow('empty'))
})
