import { InternalError, type Model } from '@flexgen/spec'
import { greedy, sampleRow } from '../sampling/sample-row.ts'
import { keyedUniform } from '../sampling/uniform.ts'
import type { LiveRow } from '../schedule/sweep.ts'
import type {
  FinishReason,
  GenerateOptions,
  GenerationEvent,
  GenerationRequest,
  GenerationResult,
} from './engine-options.ts'

/** A request on its way. */
export interface Sequence {
  readonly index: number
  readonly promptIds: readonly number[]
  readonly maxNewTokens: number
  readonly ids: number[]
  finishReason: FinishReason | undefined
}

/** The sequences of some requests. */
export function createSequences(requests: readonly GenerationRequest[], options: GenerateOptions): Sequence[] {
  return requests.map((request, index) => ({
    index,
    promptIds: request.promptIds,
    maxNewTokens: request.maxNewTokens ?? options.maxNewTokens,
    ids: [],
    finishReason: undefined,
  }))
}

/** Takes a sequence's next token from its logits `[positions, vocabulary]`, and says whether it ends there. */
export function takeRow(
  sequence: Sequence,
  row: LiveRow,
  logits: Float32Array,
  model: Model,
  options: GenerateOptions,
): GenerationEvent {
  const positions = logits.length / model.vocabularySize
  const last = row.cachedPositions + row.newTokens - 1
  for (let i = 0; i < positions; i++) {
    const view = logits.subarray(i * model.vocabularySize, (i + 1) * model.vocabularySize)
    options.onLogits?.(sequence.index, last - positions + 1 + i, view)
  }
  const newest = logits.subarray((positions - 1) * model.vocabularySize)
  const position = sequence.ids.length
  const id = sampleRow(newest, options.sampling ?? greedy, keyedUniform(options.seed ?? 0, sequence.index, position))
  sequence.ids.push(id)
  if (options.ignoreEos !== true && model.eosIds.includes(id)) sequence.finishReason = 'eos'
  else if (options.stopRule?.(sequence.index, position, id) === true) sequence.finishReason = 'stop'
  else if (sequence.ids.length >= sequence.maxNewTokens) sequence.finishReason = 'length'
  return { type: 'token', sequence: sequence.index, position, id }
}

/** What a sequence has come to. @throws {InternalError} where it has not ended */
export function resultOf({ index, promptIds, ids, finishReason }: Sequence): GenerationResult {
  if (finishReason === undefined) throw new InternalError(`sequence ${index} has not ended`)
  return { sequence: index, promptIds, ids, finishReason }
}
