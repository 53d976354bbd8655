import koffi from 'koffi'
import { expect, it } from 'vitest'
import { createPageToucher } from './touch-pages.ts'

it('touches every page, and changes nothing', async () => {
  const buffer = new ArrayBuffer(40 * 2 ** 20)
  const bytes = new Uint8Array(buffer).fill(5)
  const toucher = createPageToucher()
  const touching = toucher.touch(koffi.address(buffer), buffer.byteLength)
  for (let i = 0; i < bytes.length; i += 4096) bytes[i] = 7
  await touching
  expect(bytes.every((byte, i) => byte === (i % 4096 === 0 ? 7 : 5))).toBe(true)
  toucher.close()
  await toucher.touch(koffi.address(buffer), buffer.byteLength)
})
