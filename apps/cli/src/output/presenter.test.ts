import { describe, expect, it } from 'vitest'
import { createListPresenter, createLivePresenter, type Presenter, type PresenterOptions } from './presenter.ts'

/** What a presenter writes of two tokens and a result, on a terminal or elsewhere. */
function shown(isTerminal: boolean, create: (options: PresenterOptions) => Presenter, hasTokenizer = true): string {
  let text = ''
  const out = {
    isTerminal,
    write: (more: string) => void (text += more),
    writeLine: (line = '') => void (text += `${line}\n`),
    style: (_: unknown, styled: string) => styled,
  }
  const presenter = create({ out, decode: hasTokenizer ? (ids) => `<${ids.join()}>` : undefined })
  presenter.begin()
  presenter.show({ type: 'token', sequence: 0, position: 0, id: 7, text: ' a\u001b[2J' })
  presenter.show({ type: 'token', sequence: 0, position: 1, id: 8, text: '\n' })
  const result = { sequence: 0, promptIds: [5, 6], ids: [7, 8], finishReason: 'length' } as const
  const withText = hasTokenizer ? { ...result, text: ' a\u001b[2J\nb' } : result
  presenter.show({ type: 'result', result: withText, text: hasTokenizer ? 'b' : '' })
  return text
}

describe('presenters', () => {
  const live = (options: PresenterOptions): Presenter => createLivePresenter(options, { promptIds: [5, 6] })
  const list = (options: PresenterOptions): Presenter => createListPresenter(options, 3)

  it('show the prompt and what came of it; without a tokenizer ids', () => {
    expect(shown(false, live)).toBe('<5,6> a\u001b[2J\nb\n')
    expect(shown(false, live, false)).toBe('5 6 7 8\n')
    expect(shown(false, list)).toBe('--- 1 of 3, ended by length\n<5,6> a\u001b[2J\nb\n')
    expect(shown(false, list, false)).toBe('--- 1 of 3, ended by length\n5 6 7 8\n')
  })

  it('let no text command a terminal', () => {
    expect(shown(true, live)).toBe('<5,6> a\\x1b[2J\nb\n')
    expect(shown(true, list)).toBe('--- 1 of 3, ended by length\n<5,6> a\\x1b[2J\nb\n')
  })
})
