import { FlexgenError, type Model, UsageError } from '@flexgen/spec'
import { checkSampling, greedy } from '../sampling/sample-row.ts'
import type { GenerateOptions, GenerationRequest, Workload } from './engine-options.ts'

/**
 * Checks requests before anything is allocated and says what they need.
 * @throws {FlexgenError} `PROMPT_EMPTY`, `PROMPT_TOO_LONG`, `ID_OUT_OF_VOCABULARY`, `USAGE`
 */
export function checkRequests(
  model: Model,
  requests: readonly GenerationRequest[],
  options: GenerateOptions,
  allPositions: boolean,
): Workload {
  checkSampling(options.sampling ?? greedy)
  if ((options.logits === 'all' || options.logProbs === 'all') && !allPositions) {
    throw new UsageError(
      'logits or log-probabilities of all positions need an engine whose workload says `logits: "all"`',
    )
  }
  requests.forEach((request, index) =>
    checkRequest(
      model,
      request,
      index,
      request.maxNewTokens ?? options.maxNewTokens,
      options.logProbs === 'all' ? 0 : 1,
    ),
  )
  return {
    sequences: requests.length,
    maxPromptTokens: most(requests, (request) => request.promptIds.length),
    maxNewTokens: most(requests, (request) => request.maxNewTokens ?? options.maxNewTokens),
    logits: allPositions ? 'all' : 'last',
  }
}

function checkRequest(
  model: Model,
  { promptIds }: GenerationRequest,
  index: number,
  maxNewTokens: number,
  leastNewTokens: number,
): void {
  const name = `prompt ${index + 1}`
  if (!(Number.isSafeInteger(maxNewTokens) && maxNewTokens >= leastNewTokens)) {
    throw new UsageError(
      `the number of new tokens must be a whole number of at least ${leastNewTokens}, got ${maxNewTokens}`,
    )
  }
  if (promptIds.length === 0) throw new FlexgenError({ code: 'PROMPT_EMPTY', message: `${name} has no token id` })
  const needed = promptIds.length + maxNewTokens
  if (needed > model.maxPositions) {
    throw new FlexgenError({
      code: 'PROMPT_TOO_LONG',
      message: `${name} needs ${promptIds.length} + ${maxNewTokens} positions, ${model.name} has ${model.maxPositions}`,
    })
  }
  const wrong = promptIds.find((id) => !(Number.isSafeInteger(id) && id >= 0 && id < model.vocabularySize))
  if (wrong !== undefined) {
    throw new FlexgenError({
      code: 'ID_OUT_OF_VOCABULARY',
      message: `${name} has id ${wrong}, the vocabulary of ${model.name} is 0 to ${model.vocabularySize - 1}`,
    })
  }
}

/** The largest of some sizes; a job may have more requests than a call can have arguments. */
function most(requests: readonly GenerationRequest[], sizeOf: (request: GenerationRequest) => number): number {
  return requests.reduce((largest, request) => Math.max(largest, sizeOf(request)), 0)
}
