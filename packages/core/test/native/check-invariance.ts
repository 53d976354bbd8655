import { compressSource } from '@flexgen/checkpoint'
import type { Backend, DType } from '@flexgen/spec'
import fc from 'fast-check'
import { expect } from 'vitest'
import { chooseWeightForms } from '../../src/index.ts'
import { openFixture } from '../support/bench.ts'
import { runPolicy } from './run-policy.ts'

/** What changes results, but not by where things lie. */
export interface InvarianceVariant {
  readonly name: string
  readonly dtype: DType
  /** Two best logits nearer than this may change places. */
  readonly gap: number
  readonly policy: { readonly compressWeight?: boolean; readonly compressCache?: boolean }
}

/** Every dtype of computation, and 4 bits. */
export const invarianceVariants: readonly InvarianceVariant[] = [
  { name: 'float32', dtype: 'float32', gap: 1e-4, policy: {} },
  { name: 'float16', dtype: 'float16', gap: 2e-3, policy: {} },
  { name: 'bfloat16', dtype: 'bfloat16', gap: 0.02, policy: {} },
  { name: '4-bit weights and KV', dtype: 'float32', gap: 1e-3, policy: { compressWeight: true, compressCache: true } },
]

/** What a model of a few KB holds beyond its plan: buffers of whole pages and scratch of the kernels. */
const roundingBytes = 2 ** 20

const share = fc
  .tuple(fc.constantFrom(0, 10, 30, 50, 100), fc.constantFrom(0, 20, 50, 100))
  .map(([device, ram]) => [device, Math.min(ram, 100 - device)])

const policies = fc.record({
  percent: fc.tuple(share, share, share).map((shares) => shares.flat()),
  gpuBatchSize: fc.integer({ min: 1, max: 4 }),
  numGpuBatches: fc.integer({ min: 1, max: 3 }),
  overlap: fc.boolean(),
  sepLayer: fc.boolean(),
})

/**
 * Runs random policies against everything on the device, by the gap rule, with accounting and disposal, and prints how many
 * steps were compared.
 */
export async function checkInvariance(backend: Backend, variant: InvarianceVariant, numRuns: number): Promise<void> {
  await using opened = await openFixture('pre-norm')
  const { fixture, model } = opened
  const weights = variant.policy.compressWeight
    ? compressSource(opened.weights, chooseWeightForms(model))
    : opened.weights
  const requests = fixture.prompts.map(({ promptIds }) => ({ promptIds }))
  const options = { maxNewTokens: 10, ignoreEos: true }
  const parts = { backend, model, weights, dtype: variant.dtype }
  const gaps: number[][] = requests.map(() => [])
  const everything = { percent: [100, 0, 100, 0, 100, 0], gpuBatchSize: requests.length, ...variant.policy }
  const baseline = await runPolicy({ ...parts, policy: everything }, requests, {
    ...options,
    onLogits: (sequence, _position, row) => {
      const [first, second] = row.toSorted((a, b) => b - a)
      gaps[sequence]!.push(first! - second!)
    },
  })
  let compared = 0
  let behind = 0
  let same = 0
  const property = fc.asyncProperty(policies, fc.constantFrom(1, 3, 8, 64), async (given, pagePositions) => {
    const policy = { ...given, ...variant.policy }
    const { results, report, left } = await runPolicy({ ...parts, policy, pagePositions }, requests, options)
    results.forEach(({ ids }, sequence) => {
      const close = gaps[sequence]!.findIndex((gap) => gap < variant.gap)
      const steps = close < 0 ? ids.length : close
      compared += steps
      behind += ids.length - steps
      same += ids.filter((id, i) => id === baseline.results[sequence]!.ids[i]).length
      expect(ids.slice(0, steps)).toEqual(baseline.results[sequence]!.ids.slice(0, steps))
    })
    expect(report.computeDtype).toBe(variant.dtype)
    expect(report.peakRamBytes).toBeLessThanOrEqual(report.plan.ram.total + roundingBytes)
    expect(left).toEqual({ bytes: 0, folders: [] })
  })
  await fc.assert(property, { numRuns })
  process.stdout.write(
    `placement invariance on native (${backend.device.description}), ${variant.name}: ${compared} steps compared, ${behind} behind a close call; ${same} of all ${compared + behind} the same\n`,
  )
  expect(compared).toBeGreaterThan(numRuns * requests.length * 2)
}
