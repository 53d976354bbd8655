import { UsageError } from '@flexgen/spec'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseSize } from './parse-size.ts'

const units: [string, number][] = [
  ['B', 1],
  ['kB', 1000],
  ['MB', 1000 ** 2],
  ['GB', 1000 ** 3],
  ['TB', 1000 ** 4],
  ['KiB', 1024],
  ['MiB', 1024 ** 2],
  ['GiB', 1024 ** 3],
  ['TiB', 1024 ** 4],
]

describe('parseSize', () => {
  it.each([
    ['1B', 1],
    ['900MB', 900_000_000],
    ['3GB', 3_000_000_000],
    ['16GiB', 17_179_869_184],
    ['1.5 GiB', 1_610_612_736],
    ['0', 0],
    [4096, 4096],
  ])('%s is %d bytes', (size, bytes) => expect(parseSize(size)).toBe(bytes))

  it.each([
    '',
    'GB',
    '-1GB',
    '1e9',
    '0x10',
    '8G',
    '8 GB GB',
    '1.GB',
    '.5GB',
    'NaN',
    'Infinity',
    '9999999TB',
    -1,
    1e300,
  ])('refuses %j', (size) => expect(() => parseSize(size, '--max-ram')).toThrow(UsageError))

  it('names the setting', () => expect(() => parseSize('8G', '--max-ram')).toThrow("--max-ram: '8G' is not a size"))

  it('multiplies any whole number by its unit, whatever the case and the space', () => {
    const spelling = fc.constantFrom<(text: string) => string>(
      (text) => text,
      (text) => text.toLowerCase(),
      (text) => text.toUpperCase(),
    )
    fc.assert(
      fc.property(
        fc.nat(8000),
        fc.constantFrom(...units),
        spelling,
        fc.constantFrom('', ' '),
        (count, [unit, bytes], spell, space) => {
          expect(parseSize(`${count}${space}${spell(unit)}`)).toBe(count * bytes)
        },
      ),
    )
  })

  it('takes fractions to within a byte, and is monotonic', () => {
    const size = fc.tuple(fc.nat(1_000_000), fc.constantFrom(...units))
    fc.assert(
      fc.property(size, ([thousandths, [unit, bytes]]) => {
        const parsed = parseSize(`${(thousandths / 1000).toFixed(3)}${unit}`)
        expect(Math.abs(parsed - (thousandths * bytes) / 1000)).toBeLessThanOrEqual(1)
        expect(parsed).toBeLessThanOrEqual(parseSize(`${Math.ceil(thousandths / 1000)}${unit}`))
      }),
    )
  })

  it('gives whole bytes or a usage error for any text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        let bytes = 0
        try {
          bytes = parseSize(text)
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError)
        }
        expect(Number.isSafeInteger(bytes) && bytes >= 0).toBe(true)
      }),
    )
  })
})
