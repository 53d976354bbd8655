import { fixtureNames, loadCompressedFixture, loadFixture } from '@flexgen/opt-fixtures'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createEngine, type CreateEngineOptions } from '../src/index.ts'
import { backendsHere } from './backends-here.ts'
import { createEnginePlace, type EnginePlace } from './engine-place.ts'

let place: EnginePlace
beforeEach(() => void (place = createEnginePlace()))
afterEach(() => place[Symbol.asyncDispose]())

/** Two logits closer than this may change places between float32 backends. */
const leastGap = 1e-3

/** A checkpoint and what is asked of it. */
interface Job {
  readonly checkpoint: string
  readonly model?: string
  readonly prompts: readonly (string | readonly number[])[]
  readonly maxNewTokens: number
}

interface Outcome {
  readonly ids: readonly (readonly number[])[]
  /** Distances of the two largest logits behind each id. */
  readonly gaps: readonly (readonly number[])[]
}

const demo: Job = {
  checkpoint: 'the demo model',
  prompts: ['My fellow citizens', 'Call me Ishmael.', 'During the past year our relations with foreign powers'],
  maxNewTokens: 16,
}
const fixtures = [
  ...fixtureNames.map((name) => loadFixture(name)),
  { name: 'four-bit', ...loadCompressedFixture('four-bit', 'inputs') },
]
const jobs: readonly Job[] = fixtures.map(({ name, folder, prompts, decodeSteps }) => ({
  checkpoint: name,
  model: folder,
  prompts: prompts.map(({ promptIds }) => promptIds),
  maxNewTokens: decodeSteps + 1,
}))

/** The same job on a backend; all else is the same, too. */
async function run({ model, prompts, maxNewTokens }: Job, options: CreateEngineOptions): Promise<Outcome> {
  const { offloadDir } = place
  await using engine = await createEngine({ ...(model && { model }), offloadDir, pagePositions: 16, ...options })
  const gaps: number[][] = prompts.map(() => [])
  const onLogits = (sequence: number, _position: number, row: Float32Array): void => {
    const [first = 0, second = 0] = row.toSorted((a, b) => b - a)
    gaps[sequence]!.push(first - second)
  }
  const results = await engine.generateAll(prompts, { maxNewTokens, ignoreEos: true, logits: 'last', onLogits })
  return { ids: results.map(({ ids }) => ids), gaps }
}

const outcomes = new Map<Job, Promise<Outcome>>()
/** What the reference gives, computed once. */
function expectedOf(job: Job): Promise<Outcome> {
  const found = outcomes.get(job) ?? run(job, { backend: place.backend })
  outcomes.set(job, found)
  return found
}

/** Steps that were compared, and steps behind a close call. */
const counts = new Map<string, { compared: number; behind: number }>()
afterAll(() => {
  for (const [backend, { compared, behind }] of counts)
    process.stdout.write(
      `${backend} agrees with reference: ${compared} steps compared, ${behind} behind a close call\n`,
    )
})

async function checkAgreement(job: Job, backend: string, percent: readonly number[]): Promise<void> {
  const expected = await expectedOf(job)
  const policy = { percent, gpuBatchSize: 2, numGpuBatches: 2 }
  const { ids } = await run(job, { backend, policy, dtype: 'float32' })
  let compared = 0
  for (const [sequence, gaps] of expected.gaps.entries()) {
    const near = gaps.findIndex((gap) => gap < leastGap)
    const steps = near < 0 ? gaps.length : near
    compared += steps
    expect(ids[sequence]!.slice(0, steps)).toEqual(expected.ids[sequence]!.slice(0, steps))
  }
  const all = expected.gaps.flat().length
  const count = counts.get(backend) ?? { compared: 0, behind: 0 }
  counts.set(backend, { compared: count.compared + compared, behind: count.behind + all - compared })
  expect(compared).toBeGreaterThan(all / 2)
}

const onDevice = [100, 0, 100, 0, 100, 0]
const onAll = [20, 30, 30, 30, 25, 50]

describe.each(backendsHere)('%s writes what the reference writes', (backend) => {
  it.each([
    ['on the device', onDevice],
    ['in RAM', [0, 100, 0, 100, 0, 100]],
    ['on disk', [0, 0, 0, 0, 0, 0]],
    ['on all three', onAll],
  ])('of the demo model, %s', (_, percent) => checkAgreement(demo, backend, percent))

  it.each(jobs)('of $checkpoint, on the device and on all three', async (job) => {
    await checkAgreement(job, backend, onDevice)
    await checkAgreement(job, backend, onAll)
  })
})
