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
})
