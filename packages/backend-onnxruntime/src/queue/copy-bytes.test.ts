import { setImmediate } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { copyBytes } from './copy-bytes.ts'

it('copies small ranges at once and large ones in turns of the event loop', async () => {
  const small = new Uint8Array(3)
  expect(copyBytes(small, Uint8Array.of(1, 2, 3))).toBeUndefined()
  expect([...small]).toEqual([1, 2, 3])

  const source = new Uint8Array(9 * 2 ** 20).fill(5)
  const target = new Uint8Array(source.byteLength)
  let turns = 0
  const copying = copyBytes(target, source)
  void setImmediate().then(() => turns++)
  expect(target.at(-1)).toBe(0)
  await copying
  expect(turns).toBe(1)
  expect(target.every((byte) => byte === 5)).toBe(true)
})
