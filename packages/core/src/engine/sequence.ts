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
import type { HeadRow } from './head-outputs.ts'

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

/** Whether a call needs logits on the host, and not just the id of the largest. */
export function needsLogits({ sampling = greedy, onLogits, logProbs }: GenerateOptions): boolean {
  return sampling.temperature !== 0 || onLogits !== undefined || logProbs !== undefined
}

/**
 * Takes a sequence's next token from what the head gave for its new positions, and says whether it ends there.
 * @returns undefined where no token was asked for
 */
export function takeRow(
  sequence: Sequence,
  row: LiveRow,
  given: HeadRow,
  model: Model,
  options: GenerateOptions,
): GenerationEvent | undefined {
  if (given instanceof Float32Array) showLogits(sequence, row, given, model, options)
  if (sequence.maxNewTokens === 0) {
    sequence.finishReason = 'length'
    return undefined
  }
  const position = sequence.ids.length
  const id = given instanceof Float32Array ? chooseId(sequence, given, model, options) : given.at(-1)!
  sequence.ids.push(id)
  if (options.ignoreEos !== true && model.eosIds.includes(id)) sequence.finishReason = 'eos'
  else if (options.stopRule?.(sequence.index, position, id) === true) sequence.finishReason = 'stop'
  else if (sequence.ids.length >= sequence.maxNewTokens) sequence.finishReason = 'length'
  return { type: 'token', sequence: sequence.index, position, id }
}

/** Hands logits `[positions, vocabulary]` out to whoever asked for them, and scores the prompt with them. */
function showLogits(
  sequence: Sequence,
  row: LiveRow,
  logits: Float32Array,
  model: Model,
  options: GenerateOptions,
): void {
  const positions = logits.length / model.vocabularySize
  const last = row.cachedPositions + row.newTokens - 1
  for (let i = 0; i < positions; i++) {
    const view = logits.subarray(i * model.vocabularySize, (i + 1) * model.vocabularySize)
    const position = last - positions + 1 + i
    options.onLogits?.(sequence.index, position, view)
    const next = sequence.promptIds[position + 1]
    if (options.logProbs === 'all' && next !== undefined) sequence.promptLogProbs.push(logProb(view, next))
  }
}

/** The next id by the logits of the last position. */
function chooseId(sequence: Sequence, logits: Float32Array, model: Model, options: GenerateOptions): number {
  const newest = logits.subarray(-model.vocabularySize)
  const uniform = keyedUniform(options.seed ?? 0, sequence.sampleKey, sequence.ids.length)
  const id = sampleRow(newest, options.sampling ?? greedy, uniform)
  if (options.logProbs !== undefined) sequence.logProbs.push(logProb(newest, id))
  return id
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
