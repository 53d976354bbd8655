import { describe, expect, it } from 'vitest'
import { assertBytes } from './assert-bytes.ts'

const bytes = Uint8Array.of(1, 2, 3)

describe('assertBytes', () => {
  it('accepts the same bytes, also of another buffer', () => {
    assertBytes(Buffer.from(bytes), bytes, 'row')
    assertBytes(Uint8Array.of(9, 1, 2, 3).subarray(1), bytes, 'row')
    assertBytes(new Uint8Array(0), new Uint8Array(0), 'nothing')
  })

  it('names the first byte that differs', () => {
    expect(() => assertBytes(Uint8Array.of(1, 7, 8), bytes, 'row')).toThrow('row: byte 1 of 3 is 7, expected 2')
  })

  it('refuses another length', () => {
    expect(() => assertBytes(bytes.subarray(1), bytes, 'row')).toThrow('row: number of bytes')
  })
})
