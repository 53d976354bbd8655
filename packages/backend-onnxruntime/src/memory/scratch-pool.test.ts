import { expect, it } from 'vitest'
import { createPageMemory } from '@flexgen/backend-kit'
import { ScratchPool, scratchBlockBytes } from './scratch-pool.ts'

it('ScratchPool lends the smallest block that fits, grows a block rather than add one, and trims what is free', () => {
  const pool = new ScratchPool(createPageMemory(undefined))
  const [small, large] = [pool.take(1), pool.take(300_000)]
  pool.give(large)
  pool.give(small)
  expect(pool.take(10)).toBe(small)
  expect(pool.take(200_000)).toBe(large)
  expect(pool.heldBytes).toBe(scratchBlockBytes(1) + scratchBlockBytes(300_000))
  pool.give(small)
  const grown = pool.take(100_000)
  expect(pool.heldBytes).toBe(scratchBlockBytes(100_000) + scratchBlockBytes(300_000))
  pool.trim()
  expect(pool.heldBytes).toBe(scratchBlockBytes(100_000) + scratchBlockBytes(300_000))
  pool.give(grown)
  pool.give(large)
  pool.trim()
  expect(pool.heldBytes).toBe(0)
  pool.give(pool.take(0))
  expect(pool.heldBytes).toBe(0)
})
