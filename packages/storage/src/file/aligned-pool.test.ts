import { expect, it } from 'vitest'
import { createAlignedPool } from './aligned-pool.ts'
import { loadAddressOf } from './load-address-of.ts'

it('hands out page-aligned buffers, each to one owner at a time', async () => {
  const addressOf = (await loadAddressOf())!
  const pool = createAlignedPool(3, 10_000)
  expect(pool.heldBytes).toBe(0)
  const taken = await Promise.all([pool.take(), pool.take(), pool.take()])
  expect(pool.heldBytes).toBe(65_536)
  for (const buffer of taken) {
    expect(buffer.byteLength).toBe(12_288)
    expect(addressOf(buffer) % 4096n).toBe(0n)
  }
  expect(new Set(taken.map(addressOf)).size).toBe(3)

  let fourth: Uint8Array | undefined
  const waiting = pool.take().then((buffer) => (fourth = buffer))
  await Promise.resolve()
  expect(fourth).toBeUndefined()
  pool.give(taken[1])
  expect(await waiting).toBe(taken[1])
})
