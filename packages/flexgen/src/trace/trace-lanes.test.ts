import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createTraceLanes } from './trace-lanes.ts'

describe('lanes of a trace', () => {
  it('hold what follows, and get one more for what overlaps', () => {
    const lanes = createTraceLanes()
    expect(lanes.place('read', 0, 2)).toEqual({ id: 1, name: 'read', isNew: true })
    expect(lanes.place('read', 1, 3)).toEqual({ id: 2, name: 'read 2', isNew: true })
    expect(lanes.place('run', 0, 9)).toEqual({ id: 3, name: 'run', isNew: true })
    expect(lanes.place('read', 2, 4)).toEqual({ id: 1, name: 'read', isNew: false })
    expect(lanes.place('read', 3, 5)).toEqual({ id: 2, name: 'read 2', isNew: false })
  })

  it('never hold two spans that overlap', () => {
    const span = fc.tuple(fc.nat(50), fc.nat(9)).map(([startMs, ms]) => ({ startMs, endMs: startMs + ms }))
    fc.assert(
      fc.property(fc.array(span), (spans) => {
        // A trace is told of spans as they end.
        const ended = spans.toSorted((a, b) => a.endMs - b.endMs)
        const lanes = createTraceLanes()
        const placed = new Map<number, { startMs: number; endMs: number }[]>()
        for (const { startMs, endMs } of ended) {
          const { id } = lanes.place('q', startMs, endMs)
          const others = placed.get(id) ?? []
          for (const other of others) expect(startMs >= other.endMs || endMs <= other.startMs).toBe(true)
          placed.set(id, [...others, { startMs, endMs }])
        }
      }),
    )
  })
})
