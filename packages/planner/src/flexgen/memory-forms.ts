import { type LinearForm, linearForm } from '../lp/linear-form.ts'
import type { TierName } from '../problem/tier-amounts.ts'
import { type BatchSplit, blockSize, type FlexgenProblem, layerWeightBytes } from './flexgen-problem.ts'
import type { ShareName } from './shares.ts'

/** Bytes on a tier at a peak, by what they are for; FlexGen's working set is the `staging`. */
export interface PeakForms {
  readonly weights: LinearForm<ShareName>
  readonly cache: LinearForm<ShareName>
  readonly activations: LinearForm<ShareName>
  readonly staging: LinearForm<ShareName>
}

/** A moment at which a tier may hold most. */
export interface MemoryPeak {
  readonly tier: TierName
  readonly phase: 'prefill' | 'decode'
  readonly bytes: PeakForms
}

/**
 * The five peaks of FlexGen's cost model in bytes (`gpu_home + gpu_w`, `cpu_home + cpu_w` of both phases,
 * `nvme_peak`). As in the code, the working sets of a layer's steps are added up, and RAM in the prefill counts KV of
 * the prompt only.
 */
export function memoryPeaks(problem: FlexgenProblem, split: BatchSplit): MemoryPeak[] {
  return [
    devicePrefill(problem, split),
    deviceDecode(problem, split),
    ramPrefill(problem, split),
    ramDecode(problem, split),
    disk(problem, split),
  ]
}

function devicePrefill(problem: FlexgenProblem, split: BatchSplit): MemoryPeak {
  const { h1, h2, heads, s, all, wi, bls, gbs, layers } = sizes(problem, split)
  const working =
    8 * gbs * s * h1 +
    gbs * (2 * s * h1 + 2 * heads * s ** 2) +
    gbs * (2 * s * h1) +
    4 * gbs * s * h1 +
    2 * gbs * s * h2 +
    2 * gbs * s * h1
  const hidden = 2 * s * h1 * gbs
  return {
    tier: 'device',
    phase: 'prefill',
    bytes: {
      weights: linearForm({ wg: wi * layers }),
      cache: linearForm({ cg: 4 * all * h1 * bls * layers }),
      activations: linearForm({ hg: 2 * s * h1 * bls }),
      staging: linearForm({ wg: -2 * wi, hg: -hidden }, 2 * wi + hidden + working),
    },
  }
}

function deviceDecode(problem: FlexgenProblem, split: BatchSplit): MemoryPeak {
  const { h1, h2, heads, all, wi, bls, gbs, layers } = sizes(problem, split)
  const scores = gbs * (2 * h1 + 2 * all * h1 + 2 * heads * all) + gbs * (2 * all * h1 + 2 * h1)
  const dense = 8 * gbs * h1 + 4 * gbs * h1 + 2 * gbs * h2 + 2 * gbs * h1
  const hidden = 2 * h1 * gbs
  return {
    tier: 'device',
    phase: 'decode',
    bytes: {
      weights: linearForm({ wg: wi * layers }),
      cache: linearForm({ cg: 4 * all * h1 * bls * layers }),
      activations: linearForm({ hg: 2 * h1 * bls }),
      staging: linearForm({ wg: -2 * wi, hg: -hidden, cg: 2 * 2 * gbs * all * h1 + scores }, 2 * wi + hidden + dense),
    },
  }
}

function ramPrefill(problem: FlexgenProblem, split: BatchSplit): MemoryPeak {
  const { h1, s, wi, bls, gbs, layers } = sizes(problem, split)
  const hidden = 2 * s * h1 * gbs
  return {
    tier: 'ram',
    phase: 'prefill',
    bytes: {
      weights: linearForm({ wc: wi * layers }),
      cache: linearForm({ cc: 4 * s * h1 * bls * layers }),
      activations: linearForm({ hc: 2 * s * h1 * bls }),
      staging: linearForm({ wg: -wi, hg: -hidden }, wi + hidden),
    },
  }
}

function ramDecode(problem: FlexgenProblem, split: BatchSplit): MemoryPeak {
  const { h1, heads, all, wi, bls, gbs, layers } = sizes(problem, split)
  return {
    tier: 'ram',
    phase: 'decode',
    bytes: {
      weights: linearForm({ wc: wi * layers }),
      cache: linearForm({ cc: 4 * all * h1 * bls * layers }),
      activations: linearForm({ hc: 2 * h1 * bls }),
      staging: linearForm({ wn: wi, cn: 8 * all * h1 * gbs }, 2 * heads * all * gbs + 2 * h1 * gbs),
    },
  }
}

function disk(problem: FlexgenProblem, split: BatchSplit): MemoryPeak {
  const { h1, all, wi, bls, layers } = sizes(problem, split)
  return {
    tier: 'disk',
    phase: 'decode',
    bytes: {
      weights: linearForm({ wn: wi * layers }),
      cache: linearForm({ cn: 4 * all * h1 * bls * layers }),
      activations: linearForm({}),
      staging: linearForm({}),
    },
  }
}

function sizes(problem: FlexgenProblem, split: BatchSplit) {
  const { shape, promptTokens, newTokens } = problem
  return {
    h1: shape.hiddenSize,
    h2: shape.ffnSize,
    heads: shape.heads,
    layers: shape.decoderLayers,
    s: promptTokens,
    /** Positions that the KV cache is made for. */
    all: promptTokens + newTokens,
    wi: layerWeightBytes(problem),
    bls: blockSize(split),
    gbs: split.gpuBatchSize,
  }
}
