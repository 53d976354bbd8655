import { describe, expect, it } from 'vitest'
import type { ComputeRates } from '../hardware/hardware-profile.ts'
import { computeTimes } from './compute-times.ts'

const rates: ComputeRates = {
  backend: 'some',
  matmul: [
    { dtype: 'float32', weights: 'prepared', weightDtype: 'float16', rows: 4, flopsPerSecond: 8e9 },
    { dtype: 'float32', weights: 'bound', weightDtype: 'float16', rows: 4, flopsPerSecond: 4e9 },
    { dtype: 'float32', weights: 'bound', weightDtype: 'float32', rows: 4, flopsPerSecond: 2e9 },
  ],
  decodeAttention: [
    { dtype: 'float32', sequences: 2, bytesPerSecond: 1e9 },
    { dtype: 'q4g64', sequences: 2, bytesPerSecond: 3e9 },
  ],
  prefillAttention: [{ dtype: 'float32', promptTokens: 8, flopsPerSecond: 1e9 }],
  dequantizeBytesPerSecond: 4e9,
  quantizeBytesPerSecond: 1e9,
  stageSeconds: 1e-5,
}
const times = computeTimes(rates, 'float32', false, 1)

describe('computeTimes', () => {
  it.each([
    ['prepared', 'float16', 1],
    ['bound', 'float16', 2],
    ['bound', 'bfloat16', 2],
    ['bound', 'float32', 4],
    // Prepared weights have one speed, whatever they were; 4 bits are widened to them where they were not measured.
    ['prepared', 'float32', 1],
    ['q4', 'q4g64', 2],
  ] as const)('takes the speed of %s %s', (form, dtype, nanoseconds) => {
    expect(times.matmul(form, 4, 1e9, dtype)).toBeCloseTo(nanoseconds, 9)
  })

  it('has a cache of 4 bits at its own speed where that was measured, else widened', () => {
    expect(computeTimes(rates, 'float32', true, 1).decodeAttention(2, 3e9)).toBeCloseTo(1, 9)
    const { decodeAttention, ...others } = rates
    const without = { ...others, decodeAttention: decodeAttention.slice(0, 1) }
    expect(computeTimes(without, 'float32', true, 1).decodeAttention(2, 1e9)).toBeCloseTo(1.25, 9)
  })

  it('has the cost of calls of the backend itself, else of the profile', () => {
    expect(times.stageSeconds).toBe(1e-5)
    const { stageSeconds: _, ...others } = rates
    expect(computeTimes(others, 'float32', false, 0.5).stageSeconds).toBe(0.5)
  })
})
