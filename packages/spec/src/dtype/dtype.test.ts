import { describe, expect, it } from 'vitest'
import { dtypeBytes, dtypes, pieceRows, tensorBytes } from './dtype.ts'

describe('bytes of tensors', () => {
  it.each([
    ['float32', [3, 5], 60],
    ['float16', [2, 3, 5], 60],
    ['bfloat16', [7], 14],
    ['uint8', [], 1],
    ['q4g64', [3, 64], 3 * 36],
    // 80 values are one group and a padded one.
    ['q4g64', [3, 80], 3 * 72],
    ['q4g64', [128], 72],
    ['q4g64c', [64, 5], 5 * 36],
    ['q4g64c', [65, 5], 10 * 36],
  ] as const)('%s %j: %d', (dtype, shape, bytes) => {
    expect(tensorBytes(dtype, shape)).toBe(bytes)
  })

  it('refuses shapes and lines that q4g64c has not', () => {
    for (const shape of [[64], [2, 64, 64]]) expect(() => tensorBytes('q4g64c', shape)).toThrow('for matrices')
    expect(() => dtypeBytes('q4g64c', 64)).toThrow('one piece')
  })

  it('knows how many rows lie in one piece', () => {
    expect(dtypes.map(pieceRows)).toEqual([1, 1, 1, 1, 1, 1, 64])
  })
})
