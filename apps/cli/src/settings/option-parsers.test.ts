import { describe, expect, it } from 'vitest'
import { boolean, numberWithin, percents, repeatedIds, wholeNumber } from './option-parsers.ts'

describe('option parsers', () => {
  it.each(['', ' 1', '-1', '1.5', '1e3', '0x1', 'NaN', '99999999999999999'])('%j is no whole number', (text) => {
    expect(() => wholeNumber(0)(text)).toThrow('whole number')
  })

  it.each(['', '-1', '1e3', 'Infinity', '1.', '101'])('%j is not within 0 to 100', (text) => {
    expect(() => numberWithin(0, 100)(text)).toThrow('from 0 to 100')
  })

  it('take numbers', () => {
    expect(wholeNumber(1)('12')).toBe(12)
    expect(numberWithin(0, 1)('.5')).toBe(0.5)
    expect(() => wholeNumber(1)('0')).toThrow('1 or above')
  })

  it('take ids with commas or spaces, one list a flag', () => {
    expect(repeatedIds('7', repeatedIds('5, 17 42'))).toEqual([[5, 17, 42], [7]])
    for (const text of ['', ',', '1,x', '1.5', '-1']) expect(() => repeatedIds(text)).toThrow('token ids')
  })

  it('take percents one by one or together', () => {
    expect(percents('30 0.5', percents('20'))).toEqual([20, 30, 0.5])
    expect(() => percents('20 x')).toThrow('from 0 to 100')
  })

  it('take booleans in any case', () => {
    expect(['true', 'FALSE', '1', '0'].map(boolean)).toEqual([true, false, true, false])
    for (const text of ['yes', '', 'toString']) expect(() => boolean(text)).toThrow('true, false, 1 or 0')
  })
})
