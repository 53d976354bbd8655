import type { TextEvent, TextResult } from 'flexgen'
import type { Output } from './terminal.ts'

/** Shows generated text on standard output as it comes. */
export interface Presenter {
  show(event: TextEvent): void
}

/** What a presenter needs to know of the run. */
export interface PresenterOptions {
  readonly out: Output
  /** Text of a result's or prompt's ids, where there is a tokenizer. */
  readonly decode: ((ids: readonly number[]) => string) | undefined
}

/** One prompt: the prompt, then every token at once. Without a tokenizer the ids. */
export function createLivePresenter(
  options: PresenterOptions,
  prompt: Pick<TextResult, 'prompt' | 'promptIds'>,
): Presenter {
  const { out, decode } = options
  let hasBegun = false
  return {
    show: (event) => {
      if (!hasBegun) out.write(out.style('bold', promptText(prompt, options)))
      hasBegun = true
      if (event.type === 'token') out.write(decode === undefined ? ` ${event.id}` : event.text)
      else out.writeLine(event.text)
    },
  }
}

/** Several prompts: each result once it is there, with its prompt. */
export function createListPresenter(options: PresenterOptions, count: number): Presenter {
  const { out } = options
  return {
    show: (event) => {
      if (event.type !== 'result') return
      const { sequence, ids, text, finishReason } = event.result
      out.writeLine(out.style('dim', `--- ${sequence + 1} of ${count}, ended by ${finishReason}`))
      out.writeLine(out.style('bold', promptText(event.result, options)) + (text ?? ` ${ids.join(' ')}`))
    },
  }
}

function promptText(
  { prompt, promptIds }: Pick<TextResult, 'prompt' | 'promptIds'>,
  { decode }: PresenterOptions,
): string {
  return prompt ?? decode?.(promptIds) ?? promptIds.join(' ')
}
