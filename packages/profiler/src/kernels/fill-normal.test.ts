import { type DType, q4Group, widenBfloat16, widenFloat16 } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { fillNormal, type NumberKind } from './fill-normal.ts'

const count = 300_000

function filled(dtype: DType, kind: NumberKind, byteLength: number): Uint8Array {
  const bytes = new Uint8Array(byteLength)
  fillNormal(bytes, dtype, kind)
  return bytes
}

function halves(bytes: Uint8Array, widen: typeof widenFloat16): Float32Array {
  const values = new Float32Array(bytes.length / 2)
  widen(new Uint16Array(bytes.buffer), values)
  return values
}

function valuesOfGroups(bytes: Uint8Array): Float32Array {
  const values: number[] = []
  for (let at = 0; at < bytes.length; at += q4Group.bytes) {
    const [scale, minimum] = halves(bytes.slice(at + q4Group.nibbleBytes, at + q4Group.bytes), widenFloat16)
    for (const pair of bytes.subarray(at, at + q4Group.nibbleBytes))
      values.push((pair >> 4) * scale! + minimum!, (pair & 15) * scale! + minimum!)
  }
  return Float32Array.from(values)
}

const readers: readonly [DType, number, (bytes: Uint8Array) => Float32Array][] = [
  ['float32', 4 * count, (bytes) => new Float32Array(bytes.buffer)],
  ['float16', 2 * count, (bytes) => halves(bytes, widenFloat16)],
  ['bfloat16', 2 * count, (bytes) => halves(bytes, widenBfloat16)],
  ['q4g64', 36 * 5000, valuesOfGroups],
  ['q4g64c', 36 * 5000, valuesOfGroups],
]

describe('fillNormal', () => {
  it.each(readers)('has the moments of normal numbers in %s', (dtype, byteLength, read) => {
    for (const [kind, deviation] of [
      ['activation', 1],
      ['weight', 0.02],
    ] as const) {
      const values = read(filled(dtype, kind, byteLength)).map((value) => value / deviation)
      const moment = (power: number): number => values.reduce((sum, value) => sum + value ** power, 0) / values.length
      expect(Math.abs(moment(1))).toBeLessThan(0.02)
      expect(moment(2)).toBeGreaterThan(0.96)
      expect(moment(2)).toBeLessThan(1.02)
      // Of a normal distribution 3; the ends of 4 bits are cut.
      expect(moment(4)).toBeGreaterThan(2.5)
      expect(moment(4)).toBeLessThan(3.1)
    }
  })

  it('is the same every time, whatever the size, and leaves no rest', () => {
    const long = filled('float16', 'weight', 2 * count + 1)
    expect(Buffer.compare(filled('float16', 'weight', 2 * count + 1), long)).toBe(0)
    expect(Buffer.compare(filled('float16', 'weight', 1001), long.subarray(0, 1001))).toBe(0)
    expect(long.at(-1)).not.toBe(0)
  })

  it('has no equal rows in a matrix larger than what it repeats', () => {
    const bytes = filled('float16', 'weight', 2 * 1024 * 1024)
    const rows = Array.from({ length: 1024 }, (_, row) =>
      Buffer.from(bytes.subarray(row * 2048, row * 2048 + 2048)).toString('latin1'),
    )
    expect(new Set(rows).size).toBe(1024)
  })

  it('leaves integers alone', () => {
    expect(filled('int32', 'activation', 64)).toEqual(new Uint8Array(64))
  })
})
