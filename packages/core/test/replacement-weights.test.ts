import { createReferenceBackend } from '@flexgen/backend-reference'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Engine, GenerationResult, ReplacementReport } from '../src/index.ts'
import { type BenchParts, openBench, type OpenedFixture, openFixture } from './support/bench.ts'
import { inNoFile } from './support/in-no-file.ts'

let opened: OpenedFixture
beforeAll(async () => void (opened = await openFixture()))
afterAll(() => opened[Symbol.asyncDispose]())

const requests = [[1, 2, 3], [4], [5, 6], [7, 8, 9, 10]].map((promptIds) => ({ promptIds, maxNewTokens: 24 }))
const large = 10e6

interface Ran {
  readonly results: readonly GenerationResult[]
  readonly replacement: ReplacementReport
  readonly errors: readonly unknown[]
  /** Memory in use after every sweep, and what that sweep read of files. */
  readonly held: readonly { readonly device: number; readonly ram: number; readonly readBytes: number }[]
}

/** Runs the requests with all weights pinned on a device, and their copies in RAM. */
async function run(
  onSweep: (engine: Engine, sweep: number) => Promise<void> = async () => undefined,
  parts: Partial<Pick<BenchParts, 'weights' | 'policy' | 'maxDiskBytes'>> = {},
): Promise<Ran> {
  const backend = createReferenceBackend({ hostVisible: false })
  const { model, weights } = opened
  await using bench = await openBench({
    backend,
    model,
    weights,
    policy: { percent: [100, 0, 0, 100, 100, 0], gpuBatchSize: 2, numGpuBatches: 2 },
    pagePositions: 4,
    maxRamBytes: large,
    maxDeviceBytes: large,
    replacement: { timing: 1 },
    ...parts,
  })
  const engine = await bench.createEngine()
  const results: GenerationResult[] = []
  const errors: unknown[] = []
  const held: Ran['held'][number][] = []
  for await (const event of engine.generate(requests, { maxNewTokens: 24, ignoreEos: true })) {
    if (event.type === 'result') results.push(event.result)
    if (event.type !== 'sweep') continue
    const { deviceBytes, hostBytes, preparedBytes } = backend.memory()
    const readBytes = engine.report().sweeps.at(-1)!.diskBytesRead.weights
    held.push({ device: deviceBytes + preparedBytes, ram: hostBytes, readBytes })
    await onSweep(engine, held.length).catch((error: unknown) => errors.push(error))
  }
  const { replacement } = engine.report()
  await engine[Symbol.asyncDispose]()
  expect(bench.heldBytes()).toBe(0)
  expect(await bench.close()).toEqual([])
  for (const { planned, limits } of replacement!.timeline) {
    expect(planned.ram).toBeLessThanOrEqual(limits.ram!)
    expect(planned.device).toBeLessThanOrEqual(limits.device!)
  }
  // The first sweep is that of the prompts, and after the last nothing is to be placed: the time line has neither.
  held.slice(1, -1).forEach(({ device, ram }, i) => {
    expect(ram).toBeLessThanOrEqual(replacement!.timeline[i]!.planned.ram)
    expect(device).toBeLessThanOrEqual(replacement!.timeline[i]!.planned.device)
  })
  return { results, replacement: replacement!, errors, held }
}

const sum = (steps: ReplacementReport['steps'], of: 'leftRamBytes' | 'returnedRamBytes'): number =>
  steps.reduce((total, step) => total + step[of], 0)

/** RAM that the run plans, and bytes that it has pinned. */
async function planned(): Promise<{ ram: number; device: number; pinned: number }> {
  const { replacement } = await run()
  const sample = replacement.timeline[4]!
  return { ...sample.planned, pinned: sample.pinnedBytes }
}

describe('copies of pinned weights in RAM beside a device', () => {
  it('leave RAM that shrinks, by exactly as many bytes, without a byte of KV moving or of files being read', async () => {
    const expected = await run()
    const { ram, pinned } = await planned()
    const less = ram - pinned / 2
    const { results, replacement, errors, held } = await run(async (engine, sweep) => {
      if (sweep === 5) await engine.setBudget({ ram: less })
    })
    expect(errors).toEqual([])
    expect(results).toEqual(expected.results)
    const { steps, timeline, movedCacheBytes } = replacement
    const left = sum(steps, 'leftRamBytes')
    expect(left).toBeGreaterThanOrEqual(pinned / 2)
    expect(timeline[3]!.planned.ram - timeline[4]!.planned.ram).toBe(left)
    expect(held[4]!.ram - held[5]!.ram).toBe(left)
    for (const { ram: now } of held.slice(5)) expect(now).toBeLessThanOrEqual(less)
    expect(movedCacheBytes).toBe(0)
    expect(timeline.every(({ diskRows, pinnedBytes }) => diskRows === 0 && pinnedBytes === pinned)).toBe(true)
    expect(held.every(({ readBytes }) => readBytes === 0)).toBe(true)
  })

  it('are read from their files once the pins leave, and come back to RAM that grows as they pass by', async () => {
    const expected = await run()
    const { ram, device, pinned } = await planned()
    const { results, replacement, errors, held } = await run(async (engine, sweep) => {
      if (sweep === 4) await engine.setBudget({ ram: ram - pinned / 2 })
      // All but the ring that weights stream through then.
      if (sweep === 8) await engine.setBudget({ device: device - pinned / 2 })
      if (sweep === 14) await engine.setBudget({ ram: large })
    })
    expect(errors).toEqual([])
    expect(results).toEqual(expected.results)
    expect(held.slice(0, 8).every(({ readBytes }) => readBytes === 0)).toBe(true)
    // What a sweep reads ahead may count with the next.
    const readBytes = held.slice(8, 14).reduce((total, sweep) => total + sweep.readBytes, 0)
    // Kept on the next pass, and read no more; what was under way already for the next sweep passes once more.
    expect(held.slice(17).every((sweep) => sweep.readBytes === 0)).toBe(true)
    const { steps, timeline } = replacement
    const returned = sum(steps, 'returnedRamBytes')
    expect(returned).toBeGreaterThan(0)
    expect(readBytes).toBeGreaterThanOrEqual(5 * returned)
    expect(readBytes).toBeLessThanOrEqual(7 * returned)
    expect(timeline.every(({ diskRows }) => diskRows === 0)).toBe(true)
    const end = ram - sum(steps, 'leftRamBytes') + returned
    expect(timeline.at(-1)!.planned.ram).toBe(end)
  })

  it('go before KV does, which goes to the disk for the rest', async () => {
    const expected = await run()
    const { ram, pinned } = await planned()
    const { results, replacement, errors } = await run(async (engine, sweep) => {
      if (sweep === 5) await engine.setBudget({ ram: ram - pinned - 20_000 })
    })
    expect(errors).toEqual([])
    expect(results).toEqual(expected.results)
    expect(sum(replacement.steps, 'leftRamBytes')).toBeGreaterThan(pinned / 2)
    expect(replacement.timeline.at(-1)!.diskRows).toBeGreaterThan(0)
  })

  it('stay where they lie in no file, and the refusal says so', async () => {
    const parts = { weights: inNoFile(opened.weights) }
    const expected = await run(undefined, parts)
    const { results, replacement, errors } = await run(async (engine, sweep) => {
      if (sweep === 5) await engine.setBudget({ ram: 1000 })
    }, parts)
    expect(errors).toMatchObject([{ code: 'INFEASIBLE', message: expect.stringMatching(/lie in no file stay in RAM/) }])
    expect(results).toEqual(expected.results)
    expect(sum(replacement.steps, 'leftRamBytes')).toBe(0)
  })

  it('leave nothing half done where the limit is refused', async () => {
    const expected = await run()
    const { results, replacement, errors } = await run(async (engine, sweep) => {
      if (sweep === 5) await engine.setBudget({ ram: 1000 })
    })
    expect(errors).toMatchObject([{ code: 'INFEASIBLE' }])
    expect(results).toEqual(expected.results)
    expect(sum(replacement.steps, 'leftRamBytes')).toBe(0)
  })

  it('pass through the buffers of what is on the disk anyway', async () => {
    const policy = { percent: [60, 20, 0, 100, 100, 0], gpuBatchSize: 2, numGpuBatches: 2 }
    const expected = await run(undefined, { policy })
    const { planned: before, pinnedBytes } = expected.replacement.timeline[4]!
    const { results, replacement, errors } = await run(
      async (engine, sweep) => {
        if (sweep === 4) await engine.setBudget({ ram: before.ram - pinnedBytes / 4 })
        if (sweep === 8) await engine.setBudget({ device: before.device - pinnedBytes / 2 })
      },
      { policy },
    )
    expect(errors).toEqual([])
    expect(results).toEqual(expected.results)
    expect(sum(replacement.steps, 'leftRamBytes')).toBeGreaterThanOrEqual(pinnedBytes / 4)
  })
})
