import { assert, integer, property } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { blockBytes, pieceBytes } from './piece-bytes.ts'

describe('pieceBytes', () => {
  it('cuts any range into pieces that end at block boundaries', () => {
    const chunk = 4 * blockBytes
    assert(
      property(integer({ min: 0, max: 50_000 }), integer({ min: 1, max: 200_000 }), (start, sizeBytes) => {
        let position = start
        while (position < start + sizeBytes) {
          const piece = pieceBytes(position, start + sizeBytes - position, chunk)
          expect(piece).toBeGreaterThan(0)
          expect(piece).toBeLessThanOrEqual(chunk)
          position += piece
          if (position < start + sizeBytes) expect(position % blockBytes).toBe(0)
        }
        expect(position).toBe(start + sizeBytes)
      }),
    )
  })
})
