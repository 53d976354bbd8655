import { createRequire } from 'node:module'
import { expect, it } from 'vitest'
import { restoreRemovedUtilities } from './node-shims.ts'

it('puts the functions that tfjs-node needs where they are missing, once', () => {
  const util = createRequire(import.meta.url)('node:util') as Record<string, (value: unknown) => boolean>
  const missing = ['isArray', 'isNullOrUndefined', 'isString'].filter((name) => !(name in util))
  const restored = restoreRemovedUtilities()
  expect(restored).toEqual(expect.arrayContaining(missing))
  expect(restoreRemovedUtilities()).toEqual([])
  expect(util['isNullOrUndefined']!(undefined)).toBe(true)
  expect(util['isNullOrUndefined']!(0)).toBe(false)
  expect(util['isArray']!([])).toBe(true)
  expect(util['isString']!('')).toBe(true)
})
