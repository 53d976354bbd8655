import { expect, it } from 'vitest'
import type { KernelCase } from './kernel-case.ts'
import { kernelRows } from './kernel-rows.ts'

const limits = [{ threads: 2, readBytesPerSecond: 1e9, multipliesPerSecond: 4e9, pairMultipliesPerSecond: 8e9 }]
const linear: KernelCase = {
  part: 'linear',
  kind: 'linear',
  compute: 'float32',
  dtype: 'float16',
  rows: 1,
  out: 1000,
  inner: 1000,
}
const timesOf = (medianMs: number) => ({ medianMs, lowMs: medianMs, highMs: medianMs, runs: 1 })

it('puts the larger of both limits beside a time, and float16 beside 4 bits', () => {
  const rows = kernelRows(
    [
      { kernelCase: linear, threads: 2, work: { readBytes: 2e6, multiplies: 1e6 }, times: timesOf(4) },
      {
        kernelCase: { ...linear, dtype: 'q4g64c' },
        threads: 2,
        work: { readBytes: 562_500, multiplies: 1e6 },
        times: timesOf(1),
      },
      {
        kernelCase: { ...linear, dtype: 'bfloat16', compute: 'bfloat16', rows: 8 },
        threads: 2,
        work: { readBytes: 2e6, multiplies: 80e6 },
        times: timesOf(20),
      },
    ],
    limits,
  )
  expect(rows.map(({ bound, limitMs, timesFloat16 }) => ({ bound, limitMs, timesFloat16 }))).toEqual([
    { bound: 'memory', limitMs: 2, timesFloat16: undefined },
    { bound: 'memory', limitMs: 0.5625, timesFloat16: 4 },
    { bound: 'multiplying', limitMs: 10, timesFloat16: undefined },
  ])
  expect(rows[1]!.title).toBe('linear, q4g64c weights, 1 row')
})
