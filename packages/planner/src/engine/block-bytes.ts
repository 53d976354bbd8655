import { stagingAlignment } from '@flexgen/core'
import { dtypeBytes } from '@flexgen/spec'
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
  /** Rows of a token table of which some lies on disk. */
  readonly gatherBytes: number
  /** Logits, and on a device the ids of the largest. */
  readonly logitBytes: number
  readonly workspaceBytes: number
}

/** Slots of streamed rows, and page buffers: `cacheSlotCount` and `pageBufferCount` of the engine. */
const slots = 2
const pageBuffers = 8

/** Sequences of a block, and of its largest batch: no more than the job has. */
export function blockSequences({ problem }: EngineProblem, split: BatchSplit): { block: number; batch: number } {
  const block = Math.min(split.gpuBatchSize * split.numGpuBatches, problem.numPrompts ?? Number.POSITIVE_INFINITY)
  return { block, batch: Math.min(split.gpuBatchSize, block) }
}

/** What a block of a split takes. */
export function blockBytes(engine: EngineProblem, split: BatchSplit): BlockBytes {
  const { problem, decoderLayers, positionBytes, hiddenSize, computeDtype, planner, weights } = engine
  const { promptTokens, newTokens, model } = problem
  const { block: sequences, batch } = blockSequences(engine, split)
  const batches = Math.ceil(sequences / split.gpuBatchSize)
  const rowBytes = positionBytes * (promptTokens + newTokens)
  const pageBytes = positionBytes * pagePositions
  const batchHidden = batch * promptTokens * dtypeBytes(computeDtype, hiddenSize)
  return {
    rows: sequences * decoderLayers,
    rowBytes,
    diskRowBytes: Math.floor((promptTokens + newTokens) / pagePositions) * pageBytes,
    tailBytes: pageBytes,
    pageBufferBytes: pageBuffers * Math.ceil(pageBytes / stagingAlignment) * stagingAlignment,
    slotBytes: slots * batch * rowBytes,
    hiddenBytes: (batches + 1) * batchHidden,
    movingHiddenBytes: batches * batchHidden,
    inputBytes: (2 * sequences * promptTokens + sequences) * 4,
    gatherBytes: sequences * promptTokens * weights.tableRowBytes + batches * stagingAlignment,
    logitBytes: sequences * (model.vocabularySize + (engine.isHost ? 0 : 1)) * 4,
    workspaceBytes: planner.workspaceBytes(batch, { maxPromptTokens: promptTokens, maxNewTokens: newTokens }),
  }
}
