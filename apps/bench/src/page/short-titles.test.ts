import { describe, expect, it } from 'vitest'
import { shortTitles } from './short-titles.ts'

describe('short titles', () => {
  it.each([
    [
      ['opt: a', 'opt: b: c'],
      ['a', 'b: c'],
    ],
    [
      ['opt: a', 'hf'],
      ['opt: a', 'hf'],
    ],
    [['opt: a'], ['opt: a']],
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
    [[], []],
  ])('%o', (titles, short) => expect(shortTitles(titles)).toEqual(short))
})
