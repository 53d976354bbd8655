import { createNativeBackend } from '@flexgen/backend-native'
import { fixtureNames, shareOfBound } from '@flexgen/opt-fixtures'
import { afterAll, describe, expect, it } from 'vitest'
import { openFixture } from '../support/bench.ts'
import { hasNative } from '../support/native-here.ts'
import { computeDtypes, dtypeBounds } from './dtype-bounds.ts'
import { runPolicy } from './run-policy.ts'

const placements = [
  [100, 0, 100, 0, 100, 0],
  [20, 40, 0, 50, 0, 50],
]

const totals: Record<string, { rows: number; share: number; rootMeanSquare: number }> = {}
afterAll(() => {
  for (const [dtype, { rows, share, rootMeanSquare }] of Object.entries(totals))
    process.stdout.write(
      `native in ${dtype}: ${rows} rows of logits, at most ${share.toPrecision(3)} float32 bounds and ${rootMeanSquare.toPrecision(2)} deviations off\n`,
    )
})

/** Squared difference of two rows over the variance of the second. */
function relativeSquare(actual: Float32Array, expected: Float32Array): number {
  const mean = expected.reduce((sum, value) => sum + value, 0) / expected.length
  const variance = expected.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return expected.reduce((sum, value, i) => sum + (value - actual[i]!) ** 2, 0) / variance
}

describe.skipIf(!hasNative)('native agrees with transformers, every position of prefill and every decode step', () => {
  it.each(fixtureNames.flatMap((name) => computeDtypes.map((dtype) => [name, dtype] as const)))(
    '%s in %s',
    async (name, dtype) => {
      const bounds = dtypeBounds[dtype]
      await using opened = await openFixture(name)
      const { fixture, model, weights } = opened
      for (const percent of placements) {
        await using backend = await createNativeBackend({ threads: 2 })
        const rows: Float32Array[][] = fixture.prompts.map(() => [])
        const { results, report, left } = await runPolicy(
          { backend, model, weights, dtype, policy: { percent, gpuBatchSize: 2, numGpuBatches: 2 }, pagePositions: 4 },
          fixture.prompts.map(({ promptIds }) => ({ promptIds })),
          {
            maxNewTokens: fixture.decodeSteps + 1,
            ignoreEos: true,
            logits: 'all',
            onLogits: (sequence, position, row) => void (rows[sequence]![position] = row.slice()),
          },
        )
        expect(report.computeDtype).toBe(dtype)
        expect(left).toEqual({ bytes: 0, folders: [] })
        let worst = 0
        let squares = 0
        let compared = 0
        fixture.prompts.forEach(({ promptIds, ids, gaps, prefillLogits, decodeLogits }, sequence) => {
          // Behind a close call another id may be right, and what follows it differs.
          const close = gaps.findIndex((gap) => gap < bounds.gap)
          const steps = close < 0 ? ids.length : close
          expect(results[sequence]!.ids.slice(0, steps)).toEqual(ids.slice(0, steps))
          const expected = [...prefillLogits, ...decodeLogits].slice(0, promptIds.length + steps)
          for (const [position, row] of expected.entries()) {
            worst = Math.max(worst, shareOfBound(rows[sequence]![position]!, row))
            squares += relativeSquare(rows[sequence]![position]!, row)
            compared++
          }
        })
        expect(compared).toBeGreaterThanOrEqual(
          fixture.prompts.reduce((sum, { promptIds }) => sum + promptIds.length, 0) + (dtype === 'bfloat16' ? 5 : 20),
        )
        expect(worst).toBeLessThanOrEqual(bounds.share)
        expect(Math.sqrt(squares / compared)).toBeLessThanOrEqual(bounds.rootMeanSquare)
        const total = (totals[dtype] ??= { rows: 0, share: 0, rootMeanSquare: 0 })
        total.rows += compared
        total.share = Math.max(total.share, worst)
        total.rootMeanSquare = Math.max(total.rootMeanSquare, Math.sqrt(squares / compared))
      }
    },
  )
})
