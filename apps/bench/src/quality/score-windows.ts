import { InternalError } from '@flexgen/spec'
import type { FlexgenEngine } from 'flexgen'
import type { ScoreWindow } from './windows.ts'

/** What came of scoring some windows. */
export interface WindowScore {
  readonly tokens: number
  /** Sum of minus natural log-probability over the tokens. */
  readonly nats: number
}

/** How windows are scored. */
export interface ScoreOptions {
  /**
   * True to make every scored id a decode step of its own: sparse attention leaves prompts whole. Otherwise a window is
   * one prompt, which is faster and scores the same ids from the same context.
   */
  readonly decode: boolean
  /** Told the number of scored tokens whenever a window is through. */
  readonly onTokens?: (done: number) => void
  readonly signal?: AbortSignal | undefined
}

/**
 * Scores the last ids of windows with an engine whose workload keeps the logits of all positions.
 * @throws {FlexgenError} what generating fails with
 */
export async function scoreWindows(
  engine: Pick<FlexgenEngine, 'generate'>,
  windows: readonly ScoreWindow[],
  { decode, onTokens, signal }: ScoreOptions,
): Promise<WindowScore> {
  let [tokens, nats] = [0, 0]
  // A decoded window ends with the id before its last one: that one only has to be scored.
  const prompts = windows.map(({ ids, scored }) =>
    decode
      ? { promptIds: ids.slice(0, ids.length - scored), maxNewTokens: scored }
      : { promptIds: ids.slice(0, -1), maxNewTokens: 1 },
  )
  const onLogits = (sequence: number, position: number, row: Float32Array): void => {
    const { ids, scored } = windows[sequence]!
    const next = position + 1
    if (next < ids.length - scored) return
    const id = ids[next]!
    nats += lossOf(row, id)
    tokens++
    // The engine takes the next token from this row, behind this call: so the text is decoded, not what the model would say.
    row[id] = Number.POSITIVE_INFINITY
  }
  const logits = decode ? 'last' : 'all'
  for await (const event of engine.generate(prompts, {
    ignoreEos: true,
    logits,
    onLogits,
    resultOrder: 'finish',
    signal,
  })) {
    if (event.type !== 'result') continue
    const { sequence, ids } = event.result
    const text = windows[sequence]!.ids.slice(-ids.length)
    if (ids.some((id, i) => id !== text[i])) throw new InternalError('scoring did not follow its text')
    onTokens?.(tokens)
  }
  const expected = windows.reduce((sum, { scored }) => sum + scored, 0)
  if (tokens !== expected) throw new InternalError(`${tokens} of ${expected} tokens were scored`)
  return { tokens, nats }
}

/** Minus natural log-probability of an id by its row of logits. */
function lossOf(row: Float32Array, id: number): number {
  let largest = Number.NEGATIVE_INFINITY
  for (const logit of row) if (logit > largest) largest = logit
  let sum = 0
  for (const logit of row) sum += Math.exp(logit - largest)
  return largest + Math.log(sum) - row[id]!
}
