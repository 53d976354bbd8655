import { type HostBuffer, SettableEvent, type Span } from '@flexgen/spec'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { alignedBytes, leastRingBytes, lookAheadRingBytes, stagingAlignment, StagingRing } from './staging-ring.ts'

const ringOf = (byteLength: number): StagingRing<HostBuffer> =>
  // No byte of it is touched.
  new StagingRing<HostBuffer>({ byteLength, bytes: new Uint8Array(0) })

const sizes = fc.integer({ min: 1, max: 5 * stagingAlignment })

interface User {
  readonly span: Span
  readonly start: number
  readonly end: number
  readonly done: SettableEvent
}

function overlaps(a: User, b: User): boolean {
  return a.start < b.end && b.start < a.end
}

describe('StagingRing', () => {
  it('never gives bytes to two holders, and hands on the events of everybody who used them before', () => {
    const actions = fc.array(fc.record({ take: fc.boolean(), size: sizes, which: fc.nat(), settle: fc.boolean() }), {
      maxLength: 120,
    })
    fc.assert(
      fc.property(fc.integer({ min: 5, max: 16 }), actions, (blocks, list) => {
        const ring = ringOf(blocks * stagingAlignment)
        const held: User[] = []
        const former: User[] = []
        for (const { take, size, which, settle } of list) {
          if (!take && held.length > 0) {
            const [user] = held.splice(which % held.length, 1)
            ring.release(user!.span, user!.done)
            if (settle) user!.done.settle(1)
            former.push(user!)
            continue
          }
          const piece = ring.take(size)
          if (piece === undefined) {
            expect(held.length).toBeGreaterThan(0)
            continue
          }
          const { byteOffset, byteLength } = piece.span
          const user = {
            span: piece.span,
            start: byteOffset,
            end: byteOffset + alignedBytes(size),
            done: new SettableEvent(),
          }
          expect(byteLength).toBe(size)
          expect(byteOffset % stagingAlignment).toBe(0)
          expect(user.end).toBeLessThanOrEqual(blocks * stagingAlignment)
          for (const other of held) expect(overlaps(user, other)).toBe(false)
          for (const other of former) {
            if (overlaps(user, other) && !other.done.isDone()) expect(piece.after).toContain(other.done)
          }
          // Whoever takes the bytes next waits for this user, who waits for the former ones.
          former.splice(0, former.length, ...former.filter((other) => other.start < user.start || other.end > user.end))
          held.push(user)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('hands on an event that has failed though it is over', () => {
    const ring = ringOf(stagingAlignment)
    const done = new SettableEvent()
    ring.release(ring.take(1)!.span, done)
    done.settle(1, 'broken')
    expect(ring.take(1)!.after).toEqual([done])
  })

  it.each(['least', 'look-ahead'])(
    'the %s ring lets any layers pass, sweep after sweep, without ever blocking',
    (kind) => {
      const layers = fc.array(fc.array(sizes, { maxLength: 5 }), { minLength: 1, maxLength: 8 })
      fc.assert(
        fc.property(layers, fc.integer({ min: 0, max: 3 }), (pieces, most) => {
          const ahead = Math.min(most, pieces.length - 1)
          const byteLength = kind === 'least' ? leastRingBytes(pieces) : lookAheadRingBytes(pieces, ahead)
          const ring = ringOf(byteLength)
          const order = [...pieces, ...pieces, ...pieces, ...pieces]
          /** Spans of the layers that are wholly or partly in the ring. */
          const staged: Span[][] = order.map(() => [])
          let next = 0
          const load = (until: number): void => {
            for (; next <= until && next < order.length; next++) {
              for (let i = staged[next]!.length; i < order[next]!.length; i++) {
                const piece = ring.take(order[next]![i]!)
                if (piece === undefined) return
                staged[next]!.push(piece.span)
              }
            }
          }
          order.forEach((layer, at) => {
            load(at + ahead)
            expect(staged[at]!.length).toBe(layer.length)
            if (kind === 'look-ahead') expect(next).toBeGreaterThan(Math.min(at + ahead, order.length - 1))
            for (const span of staged[at]!) ring.release(span)
          })
        }),
        { numRuns: 500 },
      )
    },
  )

  it('refuses a piece that can never fit, and a second release', () => {
    const ring = ringOf(2 * stagingAlignment)
    expect(() => ring.take(2 * stagingAlignment + 1)).toThrow(expect.objectContaining({ code: 'INTERNAL' }))
    const { span } = ring.take(10)!
    ring.release(span)
    expect(() => ring.release(span)).toThrow(expect.objectContaining({ code: 'INTERNAL' }))
  })

  it('needs nothing where nothing streams', () => {
    expect([leastRingBytes([[], []]), lookAheadRingBytes([[], []], 2)]).toEqual([0, 0])
  })
})
