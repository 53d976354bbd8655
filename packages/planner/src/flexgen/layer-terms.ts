import { type LinearForm, linearForm } from '../lp/linear-form.ts'
import type { FlexgenConstants } from './flexgen-constants.ts'
import { type BatchSplit, blockSize, type FlexgenProblem, layerWeightBytes } from './flexgen-problem.ts'
import type { ShareName } from './shares.ts'

/** What a layer keeps busy: a link, the device, or the host with attention. */
export type FlexgenResource =
  | 'ramToDevice'
  | 'deviceToRam'
  | 'diskRead'
  | 'diskWrite'
  | 'deviceCompute'
  | 'hostAttention'

/** Seconds of every resource for one layer, over the shares. */
export type LayerTerms = Readonly<Record<FlexgenResource, LinearForm<ShareName>>>

/** The resources that follow each other within a layer; a phase takes as long as its longest path. */
export type ResourcePath = readonly FlexgenResource[]

/**
 * `Tpre = max(ctog + dtoc, gtoc + ctod, comp)`, as the code has it (the paper takes the largest of the five terms).
 */
export const prefillPaths: readonly ResourcePath[] = [
  ['ramToDevice', 'diskRead'],
  ['deviceToRam', 'diskWrite'],
  ['deviceCompute', 'hostAttention'],
]

/** `Tgen = ctog + max(gtoc, dtoc, ctod, comp)`: FlexGen hides weights behind one of the GPU batches only. */
export const decodePaths: readonly ResourcePath[] = [
  ['ramToDevice', 'deviceToRam'],
  ['ramToDevice', 'diskRead'],
  ['ramToDevice', 'diskWrite'],
  ['ramToDevice', 'deviceCompute', 'hostAttention'],
]

/** Seconds of one layer in the prefill (cost_model.py, `ctogp` to `compp`; paper A.3). */
export function prefillTerms(problem: FlexgenProblem, split: BatchSplit): LayerTerms {
  const { shape, promptTokens: s, constants } = problem
  const { hiddenSize: h1, ffnSize: h2 } = shape
  const bls = blockSize(split)
  const wi = layerWeightBytes(problem)
  const cacheRows = 4 * (s + 1) * h1 * bls
  const hidden = 2 * s * h1 * bls
  const toRam = cacheRows / constants.deviceToRamCacheBytesPerSecond
  return {
    ramToDevice: perSecond({ wc: wi, wn: wi, hc: hidden }, constants.ramToDeviceBytesPerSecond),
    deviceToRam: linearForm({ cc: toRam, cn: toRam, hc: hidden / constants.deviceToRamHiddenBytesPerSecond }),
    diskRead: perSecond({ wn: wi }, constants.diskReadBytesPerSecond),
    diskWrite: perSecond({ cn: cacheRows }, constants.diskWriteCachePrefillBytesPerSecond),
    deviceCompute: linearForm(
      {},
      (bls * (8 * s * h1 ** 2 + 4 * s * h1 * h2)) / constants.matmulPrefillFlopsPerSecond +
        (4 * bls * s ** 2 * h1) / constants.attentionPrefillFlopsPerSecond,
    ),
    hostAttention: linearForm({}),
  }
}

/** Seconds of one layer in a decode step of average length (`ctogg` to `compg`). */
export function decodeTerms(problem: FlexgenProblem, split: BatchSplit): LayerTerms {
  const { shape, promptTokens: s, newTokens: n, constants } = problem
  const { hiddenSize: h1, ffnSize: h2 } = shape
  const bls = blockSize(split)
  const wi = layerWeightBytes(problem)
  const cacheRead = 4 * bls * (s + n / 2) * h1
  const cacheRows = 4 * bls * h1
  const hidden = 2 * h1 * bls
  const onHost = cacheRead / hostFlopsPerSecond(constants, split.gpuBatchSize, h1)
  return {
    ramToDevice: perSecond({ wc: wi, wn: wi, hc: hidden }, constants.ramToDeviceBytesPerSecond),
    deviceToRam: perSecond({ hc: hidden }, constants.deviceToRamHiddenBytesPerSecond),
    diskRead: perSecond({ cn: cacheRead, wn: wi / 0.95 }, constants.diskReadBytesPerSecond),
    diskWrite: perSecond({ cn: cacheRows }, constants.diskWriteDecodeBytesPerSecond),
    deviceCompute: linearForm(
      { cg: cacheRead / constants.attentionDecodeFlopsPerSecond },
      (bls * (8 * h1 ** 2 + 4 * h1 * h2)) / constants.matmulDecodeFlopsPerSecond,
    ),
    hostAttention: linearForm({ cc: onHost, cn: onHost }),
  }
}

/** `cpu_flops_real`: the host's attention rate at a batch size and hidden size. */
function hostFlopsPerSecond(constants: FlexgenConstants, gpuBatchSize: number, hiddenSize: number): number {
  const small = Math.max(0, Math.log2(64 / gpuBatchSize))
  const narrow = Math.max(0, Math.log2(4096 / hiddenSize))
  const { both, batch, hidden } = constants.hostSlowdown
  return (
    constants.hostAttentionFlopsPerSecond * Math.max(0.1, 1 + both * (small * narrow) - batch * small - hidden * narrow)
  )
}

function perSecond(bytes: Partial<Record<ShareName, number>>, bytesPerSecond: number): LinearForm<ShareName> {
  const seconds = Object.entries(bytes).map(([name, amount]) => [name, amount / bytesPerSecond])
  return linearForm(Object.fromEntries(seconds) as Partial<Record<ShareName, number>>)
}
