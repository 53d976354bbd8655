import type { CreateEngineOptions, TextGenerationOptions } from 'flexgen'

/** Openings in the two styles that the demo model knows: addresses to Congress, and a whaler's. */
export const demoPrompts: readonly string[] = [
  'My fellow Americans,',
  'Fellow citizens of the Senate and of the House of Representatives:',
  'During the past year our relations with foreign powers',
  'There she blows!',
]

/** Two batches share every weight that is loaded; all three kinds of data lie on all three tiers. */
export const demoPolicy: Exclude<CreateEngineOptions['policy'], 'auto' | undefined> = {
  percent: [8, 16, 20, 25, 25, 25],
  gpuBatchSize: 2,
  numGpuBatches: 2,
}

/** Everything on the device, for comparison. */
export const inMemoryPolicy: typeof demoPolicy = { ...demoPolicy, percent: [100, 0, 100, 0, 100, 0] }

/** Positions of a KV page: small, so that the short texts of the demo fill some and these really go to disk. */
export const demoPagePositions = 16

/** Share of what everything in memory would take that the demo allows itself. */
export const demoRamShare = 0.4

/** Sampled by a seed that reads well. */
export const demoGeneration: TextGenerationOptions = { maxNewTokens: 64, temperature: 0.6, topK: 30, seed: 2 }
