import { expect, it } from 'vitest'
import { HostShadow } from './host-shadow.ts'

it('knows what was written without a gap, and nothing else', () => {
  const shadow = new HostShadow(10)
  expect(shadow.read(0, 1)).toBeUndefined()
  shadow.write(2, Uint8Array.of(1, 2, 3))
  expect(shadow.read(2, 3)).toEqual(Uint8Array.of(1, 2, 3))
  expect(shadow.read(1, 2)).toBeUndefined()
  expect(shadow.read(4, 2)).toBeUndefined()
  shadow.write(5, Uint8Array.of(4))
  shadow.write(3, Uint8Array.of(9))
  expect(shadow.read(2, 4)).toEqual(Uint8Array.of(1, 9, 3, 4))
  // Behind a gap: only the newest piece is known.
  shadow.write(8, Uint8Array.of(7))
  expect(shadow.read(2, 1)).toBeUndefined()
  expect(shadow.read(8, 1)).toEqual(Uint8Array.of(7))
  shadow.forget()
  expect(shadow.read(8, 1)).toBeUndefined()
})
