import { expect, it } from 'vitest'
import { withExactWhiteSpace } from './exact-white-space.ts'

const byteLevel = { type: 'ByteLevel', add_prefix_space: false }

it('splits before the bytes are mapped', () => {
  expect(withExactWhiteSpace(byteLevel)).toMatchObject({
    type: 'Sequence',
    pretokenizers: [{ type: 'Split' }, { type: 'ByteLevel', use_regex: false }],
  })
  const digits = { type: 'Digits' }
  expect(withExactWhiteSpace({ type: 'Sequence', pretokenizers: [digits, byteLevel] })).toMatchObject({
    pretokenizers: [digits, { type: 'Sequence' }],
  })
})

it.each([[{ ...byteLevel, use_regex: false }], [{ ...byteLevel, add_prefix_space: true }], [{ type: 'Digits' }]])(
  'leaves %j as it is',
  (preTokenizer) => {
    expect(withExactWhiteSpace(preTokenizer)).toEqual(preTokenizer)
  },
)
