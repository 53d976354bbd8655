import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { assertLogits, isAvailable } from '@flexgen/conformance'
import fc from 'fast-check'
import { createEngine, type CreateEngineOptions, openBackend } from 'flexgen'
import { afterAll, describe, expect, it } from 'vitest'
import { gpt2Family } from '../src/index.ts'
import { readCases } from './read-cases.ts'

const model = path.resolve(import.meta.dirname, '../fixtures/tiny')
const cases = readCases(model)
const maxNewTokens = 16
const offloadDir = mkdtempSync(path.join(tmpdir(), 'flexgen-gpt2-'))
afterAll(() => rmSync(offloadDir, { recursive: true }))

/** Results of the fixture's prompts and the report of the run; `onLogits` gets the rows of all positions that were read. */
async function run(
  options: CreateEngineOptions,
  onLogits?: (sequence: number, position: number, row: Float32Array) => void,
) {
  const workload = { sequences: cases.length, maxPromptTokens: 17, maxNewTokens }
  await using engine = await createEngine({
    model,
    families: [gpt2Family],
    offloadDir,
    workload,
    scores: onLogits !== undefined,
    dtype: 'float32',
    pagePositions: 4,
    ...options,
  })
  const prompts = cases.map(({ text }) => text)
  const settings = { maxNewTokens, ignoreEos: true }
  const results = await engine.generateAll(prompts, onLogits ? { ...settings, logits: 'all', onLogits } : settings)
  return { results, report: engine.report() }
}

const expected = cases.map(({ ids, promptLength, newText }) => ({ ids: ids.slice(promptLength), text: newText }))

/** Weights, KV and hidden states lie partly on every tier. */
const spread = { percent: [20, 40, 30, 30, 40, 30], gpuBatchSize: 2, numGpuBatches: 2 }

for (const backend of ['reference', 'native', 'onnxruntime', 'tfjs:wasm']) {
  const isHere = await isAvailable(backend, async () => (await openBackend(backend)).backend)
  describe.skipIf(!isHere)(`GPT-2 on ${backend}`, () => {
    it('gives the logits, ids and texts of transformers', async () => {
      let compared = 0
      const { results } = await run({ backend }, (sequence, position, row) => {
        assertLogits(row, cases[sequence]!.logits[position]!, `prompt ${sequence}, position ${position}`)
        compared++
      })
      // The last id that is made is not read any more.
      expect(compared).toBe(cases.reduce((sum, { ids }) => sum + ids.length - 1, 0))
      expect(results).toMatchObject(expected)
    })

    it('gives the same ids from all tiers', async () => {
      const { results, report } = await run({ backend, policy: spread })
      expect(results).toMatchObject(expected)
      const { weights: weightBytes, cache: cacheBytes } = report.sweeps.at(-1)!.diskBytesRead
      expect(Math.min(weightBytes, cacheBytes)).toBeGreaterThan(0)
    })
  })
}

const share = fc
  .tuple(fc.constantFrom(0, 30, 100), fc.constantFrom(0, 50, 100))
  .map(([device, ram]) => [device, Math.min(ram, 100 - device)])
const policies = fc.record({
  percent: fc.tuple(share, share, share).map((shares) => shares.flat()),
  gpuBatchSize: fc.integer({ min: 1, max: 3 }),
  numGpuBatches: fc.integer({ min: 1, max: 2 }),
  overlap: fc.boolean(),
  sepLayer: fc.boolean(),
  compressWeight: fc.boolean(),
  compressCache: fc.boolean(),
})

it('gives the same ids under any policy', async () => {
  const baselines = new Map<string, Promise<readonly (readonly number[])[]>>()
  const idsOf = async (policy: CreateEngineOptions['policy']) =>
    (await run({ backend: 'reference', policy })).results.map(({ ids }) => ids)
  await fc.assert(
    fc.asyncProperty(policies, async (policy) => {
      // These change what is computed, the others where.
      const { compressWeight, compressCache } = policy
      const key = `${compressWeight} ${compressCache}`
      const baseline = baselines.get(key) ?? idsOf({ compressWeight, compressCache })
      baselines.set(key, baseline)
      expect(await idsOf(policy)).toEqual(await baseline)
    }),
    { numRuns: 12 },
  )
  // Without compression the baseline is transformers' own.
  expect(await (baselines.get('false false') ?? idsOf({}))).toEqual(expected.map(({ ids }) => ids))
})
