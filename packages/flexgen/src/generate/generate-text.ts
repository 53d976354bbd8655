import { checkSampling, type Engine, greedy, type SamplingOptions, type Workload } from '@flexgen/core'
import { type FlexgenError, type Model, type Tokenizer, UsageError } from '@flexgen/spec'
import { encodePrompts, type Prompt, workloadOf } from './prompt.ts'
import type { TextEvent, TextGenerationOptions } from './text-generation.ts'
import { checkStopTexts, createTextTrack, type TextTrack } from './text-track.ts'

/** Limit of new tokens where none is given; FlexGen's. */
export const defaultMaxNewTokens = 32

/** What text is generated with. */
export interface GenerateTextContext {
  readonly engine: Pick<Engine, 'generate'>
  readonly model: Model
  readonly tokenizer: Tokenizer | undefined
  /** What text prompts fail with where there is no tokenizer. */
  readonly tokenizerProblem?: FlexgenError | undefined
  /** Told what the prompts need, before they run. */
  readonly onWorkload?: (workload: Workload) => void
}

/**
 * Checks what does not depend on prompts: sampling and stop texts; for callers that want to know before they load.
 * @throws {UsageError} for a number out of range, an empty stop text, or stop texts without a tokenizer
 */
export function checkTextGeneration(
  { model, tokenizer }: Pick<GenerateTextContext, 'model' | 'tokenizer'>,
  options: TextGenerationOptions,
): void {
  checkSampling(samplingOf(options))
  const stopTexts = stopTextsOf(options)
  checkStopTexts(stopTexts)
  if (stopTexts.length > 0 && tokenizer === undefined) {
    throw new UsageError(`stop texts need a tokenizer, and ${model.name} has none here`)
  }
}

/** Generates with text around a core engine: prompts are encoded, tokens decoded, stop texts found. */
export async function* generateText(
  { engine, model, tokenizer, tokenizerProblem, onWorkload }: GenerateTextContext,
  prompts: string | readonly Prompt[],
  options: TextGenerationOptions = {},
): AsyncGenerator<TextEvent, void, void> {
  checkTextGeneration({ model, tokenizer }, options)
  const { maxNewTokens = defaultMaxNewTokens, seed, ignoreEos, logits, onLogits, signal } = options
  const { logProbs, resultOrder, breakdown, refill } = options
  const stopTexts = stopTextsOf(options)
  const leastNewTokens = logProbs === 'all' ? 0 : 1
  const requests = encodePrompts(prompts, { model, tokenizer, tokenizerProblem, maxNewTokens, leastNewTokens })
  onWorkload?.(workloadOf(requests))
  /** Those of the sequences that are under way: a job of many prompts must not grow. */
  const tracks = new Map<number, TextTrack>()
  const trackOf = (sequence: number): TextTrack | undefined => {
    if (tokenizer === undefined) return undefined
    const track = tracks.get(sequence) ?? createTextTrack(tokenizer, stopTexts)
    tracks.set(sequence, track)
    return track
  }
  const events = engine.generate(requests, {
    maxNewTokens,
    sampling: samplingOf(options),
    signal,
    onLogits,
    logProbs,
    resultOrder,
    breakdown,
    refill,
    ...(seed !== undefined && { seed }),
    ...(ignoreEos !== undefined && { ignoreEos }),
    ...(logits !== undefined && { logits }),
    stopRule: stopRuleOf(options.stopRule, stopTexts.length > 0 ? trackOf : undefined),
  })
  for await (const event of events) {
    if (event.type === 'token') {
      const track = trackOf(event.sequence)
      track?.push(event.position, event.id)
      yield { ...event, text: track?.delta(event.position) ?? '' }
    } else if (event.type === 'sweep') yield event
    else {
      const { sequence, promptIds, ids, finishReason, ...extra } = event.result
      const { prompt } = requests[sequence]!
      const track = trackOf(sequence)
      tracks.delete(sequence)
      const text = track?.finish() ?? ''
      const result = {
        sequence,
        ...(prompt !== undefined && { prompt }),
        promptIds,
        ids,
        ...(track !== undefined && { text: track.text }),
        // The last token may complete a stop text at the very end, in the bytes that were held back.
        finishReason: stoppedBy(track) ? 'stop' : finishReason,
        ...extra,
      } as const
      yield { type: 'result', result, text }
    }
  }
}

/** A sequence ends where the caller says so, or at a stop text; every token is shown to both. */
function stopRuleOf(
  rule: TextGenerationOptions['stopRule'],
  trackOf: ((sequence: number) => TextTrack | undefined) | undefined,
): TextGenerationOptions['stopRule'] {
  if (trackOf === undefined) return rule
  return (sequence, position, id) => {
    const isAtStop = trackOf(sequence)!.push(position, id)
    return rule?.(sequence, position, id) === true || isAtStop
  }
}

function stoppedBy(track: TextTrack | undefined): boolean {
  return track?.stopped ?? false
}

function stopTextsOf({ stop = [] }: TextGenerationOptions): readonly string[] {
  return typeof stop === 'string' ? [stop] : stop
}

function samplingOf({ temperature, topK, topP }: TextGenerationOptions): SamplingOptions {
  if (temperature === undefined && topK === undefined && topP === undefined) return greedy
  return { temperature: temperature ?? 1, topK: topK ?? 0, topP: topP ?? 1 }
}
