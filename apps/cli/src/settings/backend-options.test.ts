import { backends } from 'flexgen'
import { expect, it } from 'vitest'
import { backendNames } from './backend-options.ts'

it('the names in help and completion are those of the front door', () => {
  expect(backendNames).toEqual([...Object.keys(backends), 'auto'])
})
