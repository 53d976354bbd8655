import { describe, expect, it } from 'vitest'
import { formatBytes, formatNumber, formatPercent, formatSeconds } from './format-amount.ts'
import { formatTable } from './format-table.ts'

describe('formats', () => {
  it.each([
    [0, '0'],
    [0.012345, '0.0123'],
    [1, '1'],
    [12.3456, '12.3'],
    [999.4, '999'],
    [999.6, '1000'],
    [12345.6, '12346'],
  ])('%d is the number %s', (value, text) => expect(formatNumber(value)).toBe(text))

  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [999_600, '1 MB'],
    [12_111_688, '12.1 MB'],
    [3e9, '3 GB'],
    [4.2e15, '4200 TB'],
  ])('%d bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text))

  it.each([
    [0.0321, '0.0321 s'],
    [59.96, '1 min 00 s'],
    [3599.6, '1 h 00 min'],
    [3720, '1 h 02 min'],
  ])('%d seconds are %s', (seconds, text) => expect(formatSeconds(seconds)).toBe(text))

  it('has shares and tables', () => {
    expect(formatPercent(0.94)).toBe('94 %')
    expect(
      formatTable([
        ['a', '10', ''],
        ['long', '7', 'x'],
      ]),
    ).toEqual(['a     10', 'long   7  x'])
  })
})
