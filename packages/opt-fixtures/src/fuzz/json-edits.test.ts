import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type JsonEdit, jsonEditor, jsonEdits } from './json-edits.ts'

const edit = jsonEditor({ a: [1, 2], b: { c: 'x' } })

describe('jsonEditor', () => {
  it.each<[JsonEdit, string]>([
    [{ path: [0, 0.5], replace: 'NaN' }, '{"a":[1,NaN],"b":{"c":"x"}}'],
    [{ path: [0.5], rename: '__proto__' }, '{"a":[1,2],"__proto__":{"c":"x"}}'],
    [{ path: [0, 0], scale: 2, add: 1 }, '{"a":[3,2],"b":{"c":"x"}}'],
    [{ path: [0], scale: 2, add: 1 }, '{"a":[1,2],"b":{"c":"x"}}'],
    [{ path: [0.5, 0, 0.9], borrow: [0] }, '{"a":[1,2],"b":{"c":[1,2]}}'],
    [{ path: [0, 0], act: 'remove' }, '{"a":[2],"b":{"c":"x"}}'],
    [{ path: [0], act: 'repeat' }, '{"a":[1,2],"a":[1,2],"b":{"c":"x"}}'],
    [{ path: [0.5, 0], act: 'wrap' }, '{"a":[1,2],"b":{"c":["x"]}}'],
    [{ path: [], replace: '7' }, '7'],
    [{ path: [], act: 'remove' }, '{"a":[1,2],"b":{"c":"x"}}'],
  ])('%j', (change, expected) => {
    expect(edit([change])).toBe(expected)
  })

  it('gives back the value without edits', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(jsonEditor(value)([])).toBe(JSON.stringify(value))
      }),
    )
  })

  it('takes any edits of any value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), jsonEdits, (value, edits) => {
        expect(jsonEditor(value)(edits)).toBeTypeOf('string')
      }),
    )
  })
})
