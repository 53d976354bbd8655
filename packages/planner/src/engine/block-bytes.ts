import type { BatchSplit } from '../flexgen/flexgen-problem.ts'
import { type EngineProblem, pagePositions } from './engine-problem.ts'

/** Bytes of a block that do not depend on where things are, and of the rows that do. */
export interface BlockBytes {
  /** KV rows (layer, sequence) of the block, and bytes of one. */
  readonly rows: number
  readonly rowBytes: number
  /** Of a row on disk: its full pages there, and the page that fills, in RAM. */
  readonly diskRowBytes: number
  readonly tailBytes: number
  /** Page buffers between disk and slots, where any row is on disk. */
  readonly pageBufferBytes: number
  /** Slots for streamed rows. */
  readonly slotBytes: number
  /** Hidden states of all batches and one to write to; `movingHiddenBytes` where they rest in RAM. */
  readonly hiddenBytes: number
  readonly movingHiddenBytes: number
  readonly inputBytes: number
  readonly logitBytes: number
  readonly workspaceBytes: number
}

/** Slots of streamed rows, and page buffers: `cacheSlotCount` and `pageBufferCount` of the engine. */
const slots = 2
const pageBuffers = 8

/** Alignment of what direct reads fill. */
const alignment = 4096

/**
 * Scratch of a prefill in hidden vectors a token. From ONNX Runtime's arena on CUDA: 3.1 GB for 32 x 512 tokens of
 * OPT-6.7B, 5.4 GB for OPT-30B, both 23 vectors of 16 bits a token.
 */
const workspaceVectors = 23

/** What a block of a split takes. */
export function blockBytes(engine: EngineProblem, { gpuBatchSize, numGpuBatches }: BatchSplit): BlockBytes {
  const { problem, decoderLayers, positionBytes, hiddenSize, isHost, heads } = engine
  const { promptTokens, newTokens, model } = problem
  const width = engine.widePositionBytes / (2 * hiddenSize)
  const sequences = gpuBatchSize * numGpuBatches
  const rowBytes = positionBytes * (promptTokens + newTokens)
  const pageBytes = positionBytes * pagePositions
  const batchHidden = gpuBatchSize * promptTokens * hiddenSize * width
  // A host's plain graphs hold the scores of a prompt; a device's fused attention does not.
  const scores = isHost ? gpuBatchSize * heads * promptTokens * (promptTokens + newTokens) * width : 0
  return {
    rows: sequences * decoderLayers,
    rowBytes,
    diskRowBytes: Math.floor((promptTokens + newTokens) / pagePositions) * pageBytes,
    tailBytes: pageBytes,
    pageBufferBytes: pageBuffers * Math.ceil(pageBytes / alignment) * alignment,
    slotBytes: slots * gpuBatchSize * rowBytes,
    hiddenBytes: (numGpuBatches + 1) * batchHidden,
    movingHiddenBytes: numGpuBatches * batchHidden,
    inputBytes: (2 * sequences * promptTokens + sequences) * 4,
    logitBytes: sequences * model.vocabularySize * 4,
    workspaceBytes: workspaceVectors * batchHidden + scores,
  }
}
