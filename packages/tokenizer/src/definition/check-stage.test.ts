import { describe, expect, it } from 'vitest'
import { checkStage, normalizers, postProcessors, preTokenizers } from './check-stage.ts'

const split = { type: 'Split', pattern: { Regex: '[a-z]+' }, behavior: 'Isolated', invert: false }
const post = postProcessors((content) => content === '</s>')
const template = (...single: unknown[]): unknown => ({ type: 'TemplateProcessing', single, pair: [] })
const special = (id: unknown): unknown => ({ SpecialToken: { id, type_id: 0 } })
const text = { Sequence: { id: 'A', type_id: 1 } }

describe('checkStage', () => {
  it('gives stages with the fields that are used, and no other', () => {
    expect(checkStage(preTokenizers, { type: 'ByteLevel', trim_offsets: true, add_prefix_space: true }, 'f')).toEqual({
      type: 'ByteLevel',
      add_prefix_space: true,
      use_regex: true,
    })
    expect(checkStage(preTokenizers, { ...split, other: 1 }, 'f')).toEqual(split)
    expect(checkStage(preTokenizers, { ...split, pattern: { String: ' ' }, behavior: 'Removed' }, 'f')).toMatchObject({
      pattern: { String: ' ' },
    })
    expect(checkStage(post, template(special('</s>'), text), 'f')).toEqual({
      type: 'TemplateProcessing',
      single: [special('</s>'), { Sequence: { id: 'A', type_id: 0 } }],
      pair: [],
    })
    expect(checkStage(normalizers, null, 'f')).toBeNull()
    expect(checkStage(normalizers, undefined, 'f')).toBeNull()
  })

  it.each([
    [{ ...split, behavior: 'MergedWithNext' }, 'behavior "MergedWithNext"'],
    [{ ...split, invert: true }, 'behavior "Isolated"'],
    [{ ...split, invert: 'no' }, 'invert "no"'],
    [{ ...split, pattern: '[a-z]' }, 'pattern (it is no text) "none"'],
    [{ ...split, pattern: { Regex: 7 } }, 'pattern (it is no text) 7'],
    [{ ...split, pattern: { Regex: '(a*)*' } }, 'repeats a group in which there is a choice'],
    [{ type: 'ByteLevel', use_regex: 1 }, 'use_regex 1'],
    [{ type: 'Digits', individual_digits: 'yes' }, 'individual_digits "yes"'],
    [{ type: 'Punctuation' }, 'behavior "none"'],
    // Each would never end, or never end growing.
    [{ type: 'FixedLength', length: 0 }, 'type "FixedLength"'],
    [{ type: 'Replace', pattern: { String: 'a' }, content: 'aa' }, 'type "Replace"'],
  ])('refuses the pre_tokenizer %j', (stage, message) => {
    expect(() => checkStage(preTokenizers, stage, 'f')).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED_DATA', message: expect.stringContaining(message) as string }),
    )
  })

  it.each([
    [template(special('<s>'), text), 'SpecialToken, which is no token, "<s>"'],
    [template(special(7), text), 'SpecialToken, which is no token, 7'],
    [template(text, text), 'single a list'],
    [template(special('</s>')), 'single a list'],
    [template(text, { Sequence: { id: 'B' } }), 'item an object'],
    [template(null, text), 'item "none"'],
    [{ type: 'TemplateProcessing' }, 'single "none"'],
    [{ type: 'BertProcessing', sep: ['</s>', 2] }, 'cls, which is no token, "none"'],
    [{ type: 'RobertaProcessing', sep: '<q>', cls: ['</s>'] }, 'sep, which is no token, "<q>"'],
  ])('refuses the post_processor %j', (stage, message) => {
    expect(() => checkStage(post, stage, 'f')).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED_DATA', message: expect.stringContaining(message) as string }),
    )
  })

  it.each([
    ['text', 'is no object'],
    [{ type: 'Sequence' }, 'without normalizers'],
    [{ type: 'Sequence', normalizers: Array.from({ length: 65 }, () => ({ type: 'NFC' })) }, 'more than 64 stages'],
  ])('calls %j damaged', (stage, message) => {
    expect(() => checkStage(normalizers, stage, 'f')).toThrow(
      expect.objectContaining({ code: 'CORRUPT_DATA', message: expect.stringContaining(message) as string }),
    )
  })
})
