import { describe, expect, it } from 'vitest'
import { formatBytes } from './format-bytes.ts'
import { formatDuration } from './format-duration.ts'
import { formatTable } from './format-table.ts'

describe('formats', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [999.6, '1.00 kB'],
    [1000, '1.00 kB'],
    [12_111_688, '12.1 MB'],
    [999_499, '999 kB'],
    [999_500, '1.00 MB'],
    [3e9, '3.00 GB'],
    [4.2e15, '4200 TB'],
  ])('%d bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text))

  it.each([
    [0, '0.00 s'],
    [9.994, '9.99 s'],
    [12.34, '12.3 s'],
    [59.96, '1 min 00 s'],
    [125, '2 min 05 s'],
    [3599.6, '1 h 00 min'],
    [3720, '1 h 02 min'],
  ])('%d seconds are %s', (seconds, text) => expect(formatDuration(seconds)).toBe(text))

  it('aligns columns, whatever their colours', () => {
    expect(
      formatTable([
        ['a', '\u001b[1m10\u001b[22m'],
        ['long', '7', 'x'],
      ]),
    ).toEqual(['a     \u001b[1m10\u001b[22m', 'long   7  x'])
  })
})
