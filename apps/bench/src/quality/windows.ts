/** A piece of a text as a model sees it: context, and behind it ids that are scored. */
export interface ScoreWindow {
  /** The first id is the one that starts every text. */
  readonly ids: readonly number[]
  /** How many of the last ids are scored, from all ids before them. */
  readonly scored: number
}

/**
 * Windows of at most `length` ids over the text of a document. The first scores all its text, each further one the next
 * `stride` ids or what is left: so every id of the text is scored exactly once, from at least `length - stride - 1` ids
 * of its text or from all that stand before it. The demo model's card measures by the same convention.
 * @param start id that starts every window; it is never scored
 */
export function cutWindows(text: readonly number[], start: number, length: number, stride: number): ScoreWindow[] {
  const windows: ScoreWindow[] = []
  for (let done = 0; done < text.length;) {
    const end = Math.min(text.length, done === 0 ? length - 1 : done + stride)
    const from = Math.max(0, end - (length - 1))
    windows.push({ ids: [start, ...text.slice(from, end)], scored: end - done })
    done = end
  }
  return windows
}
