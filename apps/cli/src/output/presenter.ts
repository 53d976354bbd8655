import type { ScoreResult, TextEvent, TextResult } from 'flexgen'
import { threeDigits } from '../format/format-bytes.ts'
import { printable } from './printable.ts'
import type { Output } from './terminal.ts'

/** Shows generated text on standard output as it comes. */
export interface Presenter {
  /** Whether tokens are shown as they come, on a terminal. */
  readonly isLive: boolean
  /** Shows what is there before the first token. */
  begin(): void
  show(event: TextEvent): void
}

/** What a presenter needs to know of the run. */
export interface PresenterOptions {
  readonly out: Output
  /** Text of a result's or prompt's ids, where there is a tokenizer. */
  readonly decode: ((ids: readonly number[]) => string) | undefined
}

/** One prompt: the prompt at once, then every token as it comes. Without a tokenizer the ids. */
export function createLivePresenter(
  options: PresenterOptions,
  prompt: Pick<TextResult, 'prompt' | 'promptIds'>,
): Presenter {
  const { out, decode } = options
  return {
    isLive: out.isTerminal,
    begin: () => out.write(out.style('bold', promptText(prompt, options))),
    show: (event) => {
      if (event.type === 'token') out.write(decode === undefined ? ` ${event.id}` : shownOn(out, event.text))
      else if (event.type === 'result') out.writeLine(shownOn(out, event.text))
    },
  }
}

/** Several prompts: each result once it is there, with its prompt. */
export function createListPresenter(options: PresenterOptions, count: number): Presenter {
  const { out } = options
  return {
    isLive: false,
    begin: () => undefined,
    show: (event) => {
      if (event.type !== 'result') return
      const { sequence, ids, text, finishReason } = event.result
      out.writeLine(out.style('dim', `--- ${sequence + 1} of ${count}, ended by ${finishReason}`))
      const newText = text === undefined ? ` ${ids.join(' ')}` : shownOn(out, text)
      out.writeLine(out.style('bold', promptText(event.result, options)) + newText)
    },
  }
}

/** Given texts: each with how likely the model finds it. */
export function createScorePresenter(
  options: PresenterOptions,
  scoreOf: (result: TextResult) => ScoreResult,
): Presenter {
  const { out } = options
  return {
    isLive: false,
    begin: () => undefined,
    show: (event) => {
      if (event.type !== 'result') return
      const { logProbSum, perplexity, promptLogProbs } = scoreOf(event.result)
      const tokens = `${promptLogProbs.length} ${promptLogProbs.length === 1 ? 'token' : 'tokens'}`
      const mean = perplexity === undefined ? '' : `, perplexity ${threeDigits(perplexity)}`
      out.writeLine(out.style('bold', promptText(event.result, options)))
      out.writeLine(out.style('dim', `  log-probability ${logProbSum.toFixed(3)} of ${tokens}${mean}`))
    },
  }
}

function promptText(
  { prompt, promptIds }: Pick<TextResult, 'prompt' | 'promptIds'>,
  { out, decode }: PresenterOptions,
): string {
  return shownOn(out, prompt ?? decode?.(promptIds) ?? promptIds.join(' '))
}

/** A file gets the text as it is. */
function shownOn({ isTerminal }: Output, text: string): string {
  return isTerminal ? printable(text) : text
}
