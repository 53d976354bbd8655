import { expect, it } from 'vitest'
import { apiFunctions } from './api-functions.ts'

it('names every function of the table once, in its order, and only ones that API version 24 has', () => {
  const indices = Object.values(apiFunctions).map(([index]) => index)
  expect(indices).toEqual([...new Set(indices)].toSorted((a, b) => a - b))
  expect(indices.at(-1)).toBeLessThan(412)
})
