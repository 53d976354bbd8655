import { assertClose, randomFloats } from '@flexgen/conformance'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createWeightRows } from '../kernel/create-weight-rows.ts'
import { linear, linearTransposed } from './linear.ts'
import type { WeightRows } from './weight-rows.ts'

const matrix = (values: Float32Array, shape: readonly number[]): WeightRows =>
  createWeightRows(new Uint8Array(values.buffer), 'float32', shape)

function transposeOf(values: Float32Array, rows: number, columns: number): Float32Array {
  return Float32Array.from(values, (_, at) => values[(at % rows) * columns + Math.floor(at / rows)]!)
}

const sizes = fc.record({
  rows: fc.integer({ min: 1, max: 5 }),
  inner: fc.integer({ min: 1, max: 40 }),
  out: fc.integer({ min: 1, max: 11 }),
  seed: fc.nat(1e6),
})

describe('linear', () => {
  it('gives the same bits for W and its transpose', () => {
    fc.assert(
      fc.property(sizes, ({ rows, inner, out, seed }) => {
        const x = randomFloats(seed, rows * inner)
        const w = randomFloats(seed + 1, out * inner)
        const bias = randomFloats(seed + 2, out)
        const y = linearTransposed(x, matrix(w, [out, inner]), bias)
        expect(linear(x, matrix(transposeOf(w, out, inner), [inner, out]), bias)).toEqual(y)
      }),
    )
  })

  it('gives a row the same bits in any batch', () => {
    fc.assert(
      fc.property(sizes, ({ rows, inner, out, seed }) => {
        const x = randomFloats(seed, rows * inner)
        const w = matrix(randomFloats(seed + 1, out * inner), [out, inner])
        const y = linearTransposed(x, w, undefined)
        for (let row = 0; row < rows; row++) {
          const alone = linearTransposed(x.slice(row * inner, (row + 1) * inner), w, undefined)
          expect(y.slice(row * out, (row + 1) * out)).toEqual(alone)
        }
      }),
    )
  })

  it('sums long rows to the last bit of float32', () => {
    // 1e8 + 1 - 1e8, a thousand times: float32 sums would lose every 1.
    const inner = 3000
    const x = new Float32Array(inner).fill(1)
    const w = Float32Array.from({ length: inner }, (_, i) => [1e8, 1, -1e8][i % 3]!)
    assertClose(linearTransposed(x, matrix(w, [1, inner]), undefined), [1000], { absolute: 0, relative: 0 })
  })
})
