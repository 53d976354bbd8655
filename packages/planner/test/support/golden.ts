import { readFileSync } from 'node:fs'
import { flexgenT4 } from '../../src/hardware/flexgen-t4.ts'
import type { FlexgenProblem } from '../../src/flexgen/flexgen-problem.ts'
import { modelShape } from '../../src/problem/model-shape.ts'
import type { Percent } from '../../src/result/planned-policy.ts'
import { optModel } from './opt-model.ts'

/** A workload and machine, as the fixtures name them. */
export interface Case {
  readonly model: string
  readonly promptLen: number
  readonly genLen: number
  readonly gpuMemGiB: number
  readonly cpuMemGiB: number
  readonly nvmeMemGiB: number
  readonly compressWeight?: boolean
  readonly alpha?: number
}

/** What the original answers. */
export interface SearchCase extends Case {
  readonly gpuBatchSize: number
  readonly numGpuBatches: number
  readonly tokensPerSecond: number
}

/** A case of cost-model-golden.json. */
export interface GoldenCase extends SearchCase {
  readonly weights: readonly number[]
  readonly cache: readonly number[]
  readonly hidden?: readonly number[]
  readonly prefillSeconds: number
  readonly decodeSeconds: number
  readonly perLayerTerms?: Readonly<
    Record<'ctog_p' | 'gtoc_p' | 'dtoc_p' | 'comp_p' | 'ctog_g' | 'dtoc_g' | 'comp_g', number>
  >
  readonly peaksGiB?: Readonly<
    Record<'gpuPrefill' | 'gpuDecode' | 'cpuPrefill' | 'cpuDecode' | 'nvme' | 'layerWeights', number>
  >
}

type ConstantName =
  | 'ctog_bdw'
  | 'gtoc_bdw_cache'
  | 'gtoc_bdw_hidden'
  | 'dtoc_bdw'
  | 'ctod_bdw_cache_p'
  | 'ctod_bdw_g'
  | 'mm_flops_p'
  | 'mm_flops_g'
  | 'bmm_flops_p'
  | 'bmm_flops_g'
  | 'cpu_flops'
  | 'c1'
  | 'c2'
  | 'c3'

/** The golden file of the original's cost model. */
export interface Golden {
  readonly constants: Readonly<Record<ConstantName, number>>
  readonly cases: readonly GoldenCase[]
  readonly fixedPolicy: readonly {
    readonly model: string
    readonly gpuBatchSize: number
    readonly numGpuBatches: number
    readonly percent: Percent
    readonly prefillSeconds: number
    readonly decodeSeconds: number
    readonly tokensPerSecond: number
  }[]
}

/** Reads a fixture of this package's tests. */
export function readFixture<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8')) as T
}

/** A case in the terms of the cost model. */
export function problemOf(each: Case): FlexgenProblem {
  const allowed = (gib: number): number => gib * 2 ** 30 * (each.alpha ?? 0.8)
  return {
    shape: modelShape(optModel(each.model)),
    promptTokens: each.promptLen,
    newTokens: each.genLen,
    constants: flexgenT4.flexgen!,
    allowedBytes: { device: allowed(each.gpuMemGiB), ram: allowed(each.cpuMemGiB), disk: allowed(each.nvmeMemGiB) },
    compressWeight: each.compressWeight ?? false,
  }
}
