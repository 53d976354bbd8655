import type { GenerationRequest } from '../../src/index.ts'

/** Prompts of three and four ids, more than two batches of two hold. */
export const fiveRequests: readonly GenerationRequest[] = [
  [2, 5, 9, 4],
  [7, 4, 8],
  [3, 4, 11],
  [9, 9, 2],
  [12, 6, 7],
].map((promptIds) => ({ promptIds }))
