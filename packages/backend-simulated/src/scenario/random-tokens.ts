import type { CountedRandom } from './random.ts'

/** Ids below this are left to special tokens, such as the end of a sequence. */
const specialIds = 16

/** Ids drawn evenly from a vocabulary, but for special ones. */
export function randomTokens(random: CountedRandom): (vocabularySize: number) => number {
  return (vocabularySize) => {
    const least = vocabularySize > 2 * specialIds ? specialIds : 0
    return least + Math.floor(random.next() * (vocabularySize - least))
  }
}
