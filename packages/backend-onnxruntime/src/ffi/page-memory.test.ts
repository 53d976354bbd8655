import { describe, expect, it } from 'vitest'
import { createAddressOf } from './address-of.ts'
import { loadKoffi } from './koffi-library.ts'
import { createPageMemory } from '@flexgen/backend-kit'

const koffi = await loadKoffi()

describe.each([
  ['mapped', koffi],
  ['collected', undefined],
])('%s memory', (_, library) => {
  const pages = createPageMemory(library)

  it('is zero-filled, has at least the bytes asked for, and none once it is given back', () => {
    const mapping = pages.map(5000)
    const bytes = new Uint8Array(mapping.buffer, 0, 5000)
    expect(bytes.every((byte) => byte === 0)).toBe(true)
    bytes.fill(7)
    mapping.unmap()
    mapping.unmap()
    expect(bytes.byteLength).toBe(0)
    expect(pages.map(0).buffer.byteLength).toBeGreaterThan(0)
  })

  it('is OUT_OF_MEMORY where the system has no more', () => {
    expect(() => pages.map(2 ** 50)).toThrow(expect.objectContaining({ code: 'OUT_OF_MEMORY' }))
  })
})

describe('addresses', () => {
  const addressOf = createAddressOf(koffi)

  it('follow the offset of a view', () => {
    const bytes = new Uint8Array(100)
    expect(addressOf(bytes.subarray(30)) - addressOf(bytes)).toBe(30n)
  })

  it.runIf(process.platform === 'linux')('of mapped memory stand at the start of a page', () => {
    expect(addressOf(new Uint8Array(createPageMemory(koffi).map(1).buffer)) % 4096n).toBe(0n)
  })

  it('of memory that is gone are refused', () => {
    const mapping = createPageMemory(koffi).map(10)
    const bytes = new Uint8Array(mapping.buffer)
    mapping.unmap()
    expect(() => addressOf(bytes)).toThrow(expect.objectContaining({ code: 'USAGE' }))
  })
})
