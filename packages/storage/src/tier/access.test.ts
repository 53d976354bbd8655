import { spanOf } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { conflict, memoryAccess, regionAccess } from './access.ts'

const region = { byteLength: 100 }
const bytes = new Uint8Array(100)
const buffer = { byteLength: 100, bytes }

describe('conflict', () => {
  it('is there where bytes are shared and one side changes them', () => {
    const write = [regionAccess(region, 0, 50, true)]
    expect(conflict(write, [regionAccess(region, 49, 1, false)])).toBe(true)
    expect(conflict(write, [regionAccess(region, 50, 1, false)])).toBe(false)
    expect(conflict(write, [regionAccess({ byteLength: 100 }, 0, 50, true)])).toBe(false)
    expect(conflict([regionAccess(region, 0, 50, false)], [regionAccess(region, 0, 50, false)])).toBe(false)
  })

  it('sees that two views lie on the same memory', () => {
    const view = { byteLength: 50, bytes: bytes.subarray(50) }
    expect(conflict([memoryAccess(spanOf(buffer, 60, 5), true)], [memoryAccess(spanOf(view, 12, 4), false)])).toBe(true)
    expect(conflict([memoryAccess(spanOf(buffer, 60, 2), true)], [memoryAccess(spanOf(view, 12, 4), false)])).toBe(
      false,
    )
  })

  it('keeps tasks, whose bytes are unknown, apart from everything but tasks', () => {
    expect(conflict(undefined, [])).toBe(true)
    expect(conflict([], undefined)).toBe(true)
    expect(conflict(undefined, undefined)).toBe(false)
  })
})
