import { describe, expect, it } from 'vitest'
import { evaluateForm } from '../src/lp/linear-form.ts'
import { createLinearSolver } from '../src/lp/create-linear-solver.ts'
import { layerSeconds, peakForm } from '../src/flexgen/block-model.ts'
import { layerWeightBytes } from '../src/flexgen/flexgen-problem.ts'
import type { FlexgenResource, LayerTerms } from '../src/flexgen/layer-terms.ts'
import { optimalCorners } from '../src/flexgen/optimal-corners.ts'
import { fastest, searchSplits } from '../src/flexgen/search-split.ts'
import { percentOfShares, sharesOf, type Shares } from '../src/flexgen/shares.ts'
import { evaluateBlock, solveBlock, type SolvedBlock } from '../src/flexgen/solve-block.ts'
import { flexgenT4 } from '../src/hardware/flexgen-t4.ts'
import { type Golden, type GoldenCase, problemOf, readFixture } from './support/golden.ts'

const golden = readFixture<Golden>('cost-model-golden.json')
const solver = await createLinearSolver()

function search(each: GoldenCase): SolvedBlock {
  const problem = problemOf(each)
  return fastest(searchSplits((split) => solveBlock(solver, problem, split)))!
}

/** Whether a value is the file's number to every digit that the file gives. */
function expectDigits(value: number, want: number): void {
  const decimals = String(want).split('.')[1]?.length ?? 0
  expect(Math.abs(value - want)).toBeLessThanOrEqual(0.5001 * 10 ** -decimals)
}

describe("the golden file of FlexGen's cost model", () => {
  it('has the constants of the profile flexgen-t4', () => {
    const gib = 2 ** 30
    const { constants: want } = golden
    expect(flexgenT4.flexgen).toEqual({
      ramToDeviceBytesPerSecond: want.ctog_bdw * gib,
      deviceToRamCacheBytesPerSecond: want.gtoc_bdw_cache * gib,
      deviceToRamHiddenBytesPerSecond: want.gtoc_bdw_hidden * gib,
      diskReadBytesPerSecond: want.dtoc_bdw * gib,
      diskWriteCachePrefillBytesPerSecond: want.ctod_bdw_cache_p * gib,
      diskWriteDecodeBytesPerSecond: want.ctod_bdw_g * gib,
      matmulPrefillFlopsPerSecond: want.mm_flops_p * 1e12,
      matmulDecodeFlopsPerSecond: want.mm_flops_g * 1e12,
      attentionPrefillFlopsPerSecond: want.bmm_flops_p * 1e12,
      attentionDecodeFlopsPerSecond: want.bmm_flops_g * 1e12,
      hostAttentionFlopsPerSecond: want.cpu_flops * 1e12,
      hostSlowdown: { both: want.c1, batch: want.c2, hidden: want.c3 },
    })
  })

  describe.each(golden.cases)('$model $promptLen/$genLen on $gpuMemGiB GiB, 4 bit: $compressWeight', (each) => {
    const block = search(each)
    const { shape, newTokens } = block.model.problem

    it('has the batch split and the objective', () => {
      expect([block.gpuBatchSize, block.numGpuBatches]).toEqual([each.gpuBatchSize, each.numGpuBatches])
      const tokens = block.gpuBatchSize * block.numGpuBatches * newTokens
      expectDigits(tokens / block.blockSeconds, each.tokensPerSecond)
      expectDigits(block.shares.wg, each.weights[0]!)
    })

    it('has the times', () => {
      const { prefill, decode } = layerSeconds(block.model, block.shares)
      expectDigits(prefill * shape.decoderLayers, each.prefillSeconds)
      expectDigits(decode * shape.decoderLayers * (newTokens - 1), each.decodeSeconds)
    })

    it('has the vector among its corners', () => {
      const want = [...each.weights, ...each.cache]
      const corners = optimalCorners(solver, block).map(({ wg, wc, wn, cg, cc, cn }) => [wg, wc, wn, cg, cc, cn])
      const distances = corners.map((corner) => Math.max(...corner.map((share, i) => Math.abs(share - (want[i] ?? 0)))))
      // The file gives shares to three digits in places.
      expect(Math.min(...distances)).toBeLessThan(6e-4)
    })
  })

  it('has the terms and peaks of the first case at its corner', () => {
    const each = golden.cases[0]!
    const block = search(each)
    const corner = optimalCorners(solver, block)[0]!
    const percent = percentOfShares(corner)
    percent.forEach((share, i) => expect(share).toBeCloseTo([12.42828, 77.80992, 0, 100, 0, 100][i]!, 4))

    const seconds = (terms: LayerTerms, ...resources: FlexgenResource[]): number =>
      resources.reduce((sum, resource) => sum + evaluateForm(terms[resource], corner), 0)
    const { prefill, decode } = block.model
    const terms = each.perLayerTerms!
    expectDigits(seconds(prefill, 'ramToDevice'), terms.ctog_p)
    expectDigits(seconds(prefill, 'deviceToRam'), terms.gtoc_p)
    expectDigits(seconds(prefill, 'diskRead'), terms.dtoc_p)
    expectDigits(seconds(prefill, 'deviceCompute', 'hostAttention'), terms.comp_p)
    expectDigits(seconds(decode, 'ramToDevice'), terms.ctog_g)
    expectDigits(seconds(decode, 'diskRead'), terms.dtoc_g)
    expectDigits(seconds(decode, 'deviceCompute', 'hostAttention'), terms.comp_g)

    const peaks = each.peaksGiB!
    const peakGiB = (tier: string, phase: string): number =>
      evaluateForm(peakForm(block.model.peaks.find((peak) => peak.tier === tier && peak.phase === phase)!), corner) /
      2 ** 30
    expectDigits(peakGiB('device', 'prefill'), peaks.gpuPrefill)
    expectDigits(peakGiB('device', 'decode'), peaks.gpuDecode)
    expectDigits(peakGiB('ram', 'prefill'), peaks.cpuPrefill)
    expectDigits(peakGiB('ram', 'decode'), peaks.cpuDecode)
    expectDigits(peakGiB('disk', 'decode'), peaks.nvme)
    expectDigits((layerWeightBytes(block.model.problem) * 48) / 2 ** 30, peaks.layerWeights)
  })

  it.each(golden.fixedPolicy)('predicts $model $gpuBatchSize x $numGpuBatches at $percent', (each) => {
    const memory = { promptLen: 512, genLen: 32, gpuMemGiB: 16, cpuMemGiB: 200, nvmeMemGiB: 1500, alpha: 1.2 }
    const problem = problemOf({ ...memory, model: each.model })
    const shares: Shares = sharesOf(each.percent)
    const block = evaluateBlock(problem, each, shares)!
    const { prefill, decode } = layerSeconds(block.model, shares)
    const layers = problem.shape.decoderLayers
    expectDigits(prefill * layers, each.prefillSeconds)
    expectDigits(decode * layers * 31, each.decodeSeconds)
    const tokens = each.gpuBatchSize * each.numGpuBatches * 32
    expectDigits(tokens / block.blockSeconds, each.tokensPerSecond)
  })
})
