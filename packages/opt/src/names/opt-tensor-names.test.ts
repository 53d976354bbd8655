import { describe, expect, it } from 'vitest'
import { recogniseTensorNames } from './opt-tensor-names.ts'

describe('recogniseTensorNames', () => {
  it.each(['model.decoder.', 'decoder.', 'model.', '', 'module.model.decoder.'])('finds the prefix %j', (prefix) => {
    const names = recogniseTensorNames(new Set([`${prefix}embed_tokens.weight`, `${prefix}embed_positions.weight`]))
    expect(names.decoder('layers.3.fc1.bias')).toBe(`${prefix}layers.3.fc1.bias`)
    expect(names.finalNorm('bias')).toBe(`${prefix}final_layer_norm.bias`)
  })

  it("takes the final norm's name of FlexGen's -np folders", () => {
    const names = recogniseTensorNames(new Set(['decoder.embed_tokens.weight', 'decoder.layer_norm.weight']))
    expect(names.finalNorm('weight')).toBe('decoder.layer_norm.weight')
  })

  it.each([
    ['model.decoder.', 'lm_head.weight'],
    ['decoder.', 'lm_head.weight'],
    ['', 'lm_head.weight'],
    ['module.model.decoder.', 'module.lm_head.weight'],
  ])('looks for the untied head beside the decoder: %j', (prefix, head) => {
    expect(recogniseTensorNames(new Set([`${prefix}embed_tokens.weight`])).head).toBe(head)
  })

  it("gives generated weights transformers' names", () => {
    expect(recogniseTensorNames().decoder('embed_tokens.weight')).toBe('model.decoder.embed_tokens.weight')
  })

  it.each([[['decoder.embed_positions.weight']], [['a.embed_tokens.weight', 'b.embed_tokens.weight']], [[]]])(
    'refuses %j, which has not one token table',
    (names) => {
      expect(() => recogniseTensorNames(new Set(names))).toThrow(
        expect.objectContaining({ code: 'CORRUPT_DATA', message: expect.stringContaining('embed_tokens') as string }),
      )
    },
  )

  it('stays short and in one line, however many token tables there are', () => {
    const names = Array.from({ length: 1000 }, (_, i) => `${i}\n.embed_tokens.weight`)
    expect(() => recogniseTensorNames(new Set(names))).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/^.{1,400} and 997 more, an OPT model has one .*$/) }),
    )
  })
})
