import { type Tokenizer, UsageError } from '@flexgen/spec'

/** The text of one sequence as its ids come: deltas that are certain, cut where a stop text begins. */
export interface TextTrack {
  /** Takes the id of new token `position`; a position that was taken already is ignored. Returns whether it stopped. */
  push(position: number, id: number): boolean
  /** Text that became certain with new token `position`; may be empty. */
  delta(position: number): string
  /** What was held back until the end; empty when asked again. */
  finish(): string
  /** All text so far that is certain. */
  readonly text: string
  /** Whether a stop text was found. */
  readonly stopped: boolean
}

/** @throws {UsageError} for an empty stop text, which every text contains */
export function checkStopTexts(stopTexts: readonly string[]): void {
  if (stopTexts.includes('')) throw new UsageError('a stop text is empty')
}

/** Follows the text of one sequence; nothing that may turn out to belong to a stop text is given out. */
export function createTextTrack(tokenizer: Tokenizer, stopTexts: readonly string[] = []): TextTrack {
  const stream = tokenizer.stream()
  const deltas: string[] = []
  let text = ''
  let held = ''
  let stopped = false

  const advance = (chunk: string, isLast: boolean): string => {
    if (stopped) return ''
    held += chunk
    const found = stopTexts.map((stop) => held.indexOf(stop)).filter((index) => index >= 0)
    stopped = found.length > 0
    const certain = stopped ? Math.min(...found) : isLast ? held.length : held.length - heldBack(held, stopTexts)
    const delta = held.slice(0, certain)
    held = stopped ? '' : held.slice(certain)
    text += delta
    return delta
  }

  return {
    push: (position, id) => {
      if (position === deltas.length) deltas.push(advance(stream.push(id), false))
      return stopped
    },
    delta: (position) => deltas[position] ?? '',
    finish: () => advance(stream.end(), true),
    get text() {
      return text
    },
    get stopped() {
      return stopped
    },
  }
}

/** Length of the longest end of `text` that a stop text begins with. */
function heldBack(text: string, stopTexts: readonly string[]): number {
  const longest = Math.max(0, ...stopTexts.map((stop) => stop.length - 1))
  for (let length = Math.min(longest, text.length); length > 0; length--) {
    const end = text.slice(-length)
    if (stopTexts.some((stop) => stop.startsWith(end))) return length
  }
  return 0
}
