import { expect, it } from 'vitest'
import { createScratch } from './scratch.ts'

it('gives the smallest buffer that is large enough, to one user at a time', () => {
  const scratch = createScratch()
  const [large, small] = [scratch.take(100), scratch.take(10)]
  expect(large.buffer).not.toBe(small.buffer)
  scratch.give(large)
  scratch.give(small)
  const [first, second, third] = [scratch.take(7), scratch.take(7), scratch.take(7)]
  expect(first.buffer).toBe(small.buffer)
  expect(second.buffer).toBe(large.buffer)
  expect(second.byteLength).toBe(7)
  expect(third.buffer.byteLength).toBe(7)
})

it('keeps few, the largest', () => {
  const scratch = createScratch()
  const taken = Array.from({ length: 20 }, (_, i) => scratch.take(i + 1))
  for (const bytes of taken) scratch.give(bytes)
  expect(scratch.take(1).buffer.byteLength).toBe(13)
})
