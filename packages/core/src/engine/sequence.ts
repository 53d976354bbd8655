import { InternalError, type Model } from '@flexgen/spec'
import { logProb } from '../sampling/log-prob.ts'
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
  readonly sampleKey: number
  readonly promptIds: readonly number[]
  readonly maxNewTokens: number
  readonly ids: number[]
  readonly logProbs: number[]
  readonly promptLogProbs: number[]
  finishReason: FinishReason | undefined
}

/** The sequences of some requests. */
export function createSequences(requests: readonly GenerationRequest[], options: GenerateOptions): Sequence[] {
  return requests.map((request, index) => ({
    index,
    sampleKey: request.sampleKey ?? index,
    promptIds: request.promptIds,
    maxNewTokens: request.maxNewTokens ?? options.maxNewTokens,
    ids: [],
    logProbs: [],
    promptLogProbs: [],
    finishReason: undefined,
  }))
}

/**
 * Takes a sequence's next token from its logits `[positions, vocabulary]`, and says whether it ends there.
 * @returns undefined where no token was asked for
 */
export function takeRow(
  sequence: Sequence,
  row: LiveRow,
  logits: Float32Array,
  model: Model,
  options: GenerateOptions,
): GenerationEvent | undefined {
  const positions = logits.length / model.vocabularySize
  const last = row.cachedPositions + row.newTokens - 1
  for (let i = 0; i < positions; i++) {
    const view = logits.subarray(i * model.vocabularySize, (i + 1) * model.vocabularySize)
    const position = last - positions + 1 + i
    options.onLogits?.(sequence.index, position, view)
    const next = sequence.promptIds[position + 1]
    if (options.logProbs === 'all' && next !== undefined) sequence.promptLogProbs.push(logProb(view, next))
  }
  if (sequence.maxNewTokens === 0) {
    sequence.finishReason = 'length'
    return undefined
  }
  const newest = logits.subarray((positions - 1) * model.vocabularySize)
  const position = sequence.ids.length
  const id = sampleRow(
    newest,
    options.sampling ?? greedy,
    keyedUniform(options.seed ?? 0, sequence.sampleKey, position),
  )
  sequence.ids.push(id)
  if (options.logProbs !== undefined) sequence.logProbs.push(logProb(newest, id))
  if (options.ignoreEos !== true && model.eosIds.includes(id)) sequence.finishReason = 'eos'
  else if (options.stopRule?.(sequence.index, position, id) === true) sequence.finishReason = 'stop'
  else if (sequence.ids.length >= sequence.maxNewTokens) sequence.finishReason = 'length'
  return { type: 'token', sequence: sequence.index, position, id }
}

/** What a sequence has come to. @throws {InternalError} where it has not ended */
export function resultOf(sequence: Sequence, { logProbs }: GenerateOptions): GenerationResult {
  const { index, promptIds, ids, finishReason } = sequence
  if (finishReason === undefined) throw new InternalError(`sequence ${index} has not ended`)
  return {
    sequence: index,
    promptIds,
    ids,
    finishReason,
    ...(logProbs !== undefined && { logProbs: sequence.logProbs }),
    ...(logProbs === 'all' && { promptLogProbs: sequence.promptLogProbs }),
  }
}
