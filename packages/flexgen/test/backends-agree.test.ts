import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createEngine, type CreateEngineOptions } from '../src/index.ts'
import { createEnginePlace, type EnginePlace } from './engine-place.ts'
import { hasNative } from './native-here.ts'

let place: EnginePlace
beforeEach(() => void (place = createEnginePlace()))
afterEach(() => place[Symbol.asyncDispose]())

/** Two logits closer than this may change places between float32 backends. */
const leastGap = 1e-3
const prompts = ['My fellow citizens', 'Call me Ishmael.', 'During the past year our relations with foreign powers']
const sizes = { maxNewTokens: 40, ignoreEos: true } as const

/** Ids that a run gives, and the distance of the two largest logits behind each. */
async function run(options: CreateEngineOptions): Promise<{ ids: (readonly number[])[]; gaps: number[][] }> {
  await using engine = await createEngine({ offloadDir: place.offloadDir, pagePositions: 16, ...options })
  const gaps: number[][] = prompts.map(() => [])
  const onLogits = (sequence: number, _position: number, row: Float32Array): void => {
    const [first = 0, second = 0] = row.toSorted((a, b) => b - a)
    gaps[sequence]!.push(first - second)
  }
  const results = await engine.generateAll(prompts, { ...sizes, logits: 'last', onLogits })
  return { ids: results.map(({ ids }) => ids), gaps }
}

const placements = [
  ['on the device', [100, 0, 100, 0, 100, 0]],
  ['in RAM', [0, 100, 0, 100, 0, 100]],
  ['on disk', [0, 0, 0, 0, 0, 0]],
  ['on all three', [20, 30, 30, 30, 25, 50]],
] as const

for (const backend of ['onnxruntime', 'native'])
  describe.skipIf(backend === 'native' && !hasNative)(`the demo model on ${backend}`, () => {
    it.each(placements)('%s, writes what the reference writes', (_, percent) => checkAgreement(backend, percent))
  })

async function checkAgreement(backend: string, percent: readonly number[]): Promise<void> {
  const expected = await run({ backend: place.backend })
  const policy = { percent, gpuBatchSize: 2, numGpuBatches: 2 }
  const { ids } = await run({ backend, policy, dtype: 'float32' })
  let compared = 0
  for (const [sequence, gaps] of expected.gaps.entries()) {
    const near = gaps.findIndex((gap) => gap < leastGap)
    const steps = near < 0 ? gaps.length : near
    compared += steps
    expect(ids[sequence]!.slice(0, steps)).toEqual(expected.ids[sequence]!.slice(0, steps))
  }
  expect(compared).toBeGreaterThan(60)
}
