import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { applyByteEdits, type ByteEdit, byteEdits } from './byte-edits.ts'

const bytes = Uint8Array.of(10, 11, 12, 13, 14, 15, 16, 17)

describe('applyByteEdits', () => {
  it.each<[ByteEdit, number[]]>([
    [{ set: 0.5, byte: 0 }, [10, 11, 12, 13, 0, 15, 16, 17]],
    [{ flip: 0, bit: 0 }, [11, 11, 12, 13, 14, 15, 16, 17]],
    [{ number: 0.25, width: 2, value: -1 }, [10, 11, 255, 255, 14, 15, 16, 17]],
    [{ number: 0, width: 8, value: 2 ** 63 }, [0, 0, 0, 0, 0, 0, 0, 128]],
    [{ insert: 0.25, bytes: [1, 2] }, [10, 11, 1, 2, 12, 13, 14, 15, 16, 17]],
    [{ remove: 0.5, length: 3 }, [10, 11, 12, 13, 17]],
    [{ copy: 0.5, length: 2, to: 0 }, [14, 15, 10, 11, 12, 13, 14, 15, 16, 17]],
    [{ cut: 0.5 }, [10, 11, 12, 13]],
  ])('%j', (edit, expected) => {
    expect([...applyByteEdits(bytes, [edit])]).toEqual(expected)
  })

  it('leaves its input as it is, and takes any edits of any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), byteEdits, (input, edits) => {
        const copy = Uint8Array.from(input)
        const once = applyByteEdits(input, edits)
        expect(input).toEqual(copy)
        expect(applyByteEdits(input, edits)).toEqual(once)
      }),
    )
  })
})
