import { createReferenceBackend } from '@flexgen/backend-reference'
import { openCheckpoint } from '@flexgen/checkpoint'
import { createOptModel } from '@flexgen/opt'
import { loadFixture } from '@flexgen/opt-fixtures'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Backend, Model, WeightSource } from '@flexgen/spec'
import type {
  Decision,
  Engine,
  GenerationRequest,
  PolicyOptions,
  Reallocator,
  ReplacementOptions,
} from '../src/index.ts'
import { runEngine, type TestRun } from './run-engine.ts'

const fixture = loadFixture('pre-norm')
let weights: WeightSource
beforeAll(async () => void (weights = await openCheckpoint(fixture.folder)))
afterAll(() => weights[Symbol.asyncDispose]())

/** Moves that a rule might make; amounts are shares of what there is. */
const moves = fc.record({
  pin: fc.constantFrom(0, 0.3, 1),
  drop: fc.constantFrom(0, 0.3, 1),
  promote: fc.constantFrom(0, 1, 3, 100),
  demote: fc.constantFrom(0, 1, 3, 100),
  toHost: fc.constantFrom(0, 2, 100),
  toStream: fc.constantFrom(0, 2, 100),
  toDisk: fc.constantFrom(0, 0, 2, 100),
  fromDisk: fc.constantFrom(0, 1, 100),
  abortsMoves: fc.boolean(),
})

/** A rule that makes the given moves one after the other. */
function scripted(script: readonly (typeof moves extends fc.Arbitrary<infer Move> ? Move : never)[]): Reallocator {
  let at = 0
  return {
    observe: () => undefined,
    carriedOut: () => undefined,
    reset: () => undefined,
    decide: ({
      pinnedBytes,
      streamedBytes,
      roomBytes,
      deviceRows,
      hostRows,
      streamedRows,
      diskRows,
    }): Decision | undefined => {
      const move = script[at++ % script.length]
      if (move === undefined) return undefined
      return {
        what: 'shift',
        why: 'scripted',
        pinBytes: Math.min(roomBytes, move.pin * streamedBytes),
        dropBytes: move.drop * pinnedBytes,
        promoteRows: Math.min(hostRows + streamedRows, move.promote),
        demoteRows: Math.min(deviceRows, move.demote),
        toHostRows: move.toHost,
        toStreamRows: move.toStream,
        toDiskRows: move.toDisk,
        fromDiskRows: Math.min(diskRows, move.fromDisk),
        predictedGainSeconds: 0,
        abortsMoves: move.abortsMoves,
      }
    },
  }
}

const cases = fc.record({
  percent: fc.constantFrom(
    [100, 0, 100, 0, 100, 0],
    [40, 60, 50, 50, 100, 0],
    [0, 100, 0, 100, 0, 100],
    [20, 30, 30, 40, 50, 50],
    [0, 0, 60, 20, 100, 0],
  ),
  gpuBatchSize: fc.integer({ min: 1, max: 4 }),
  numGpuBatches: fc.integer({ min: 1, max: 3 }),
  overlap: fc.boolean(),
  sepLayer: fc.boolean(),
  hostVisible: fc.constantFrom(false, false, true),
  hostAttentionPercent: fc.constantFrom(0, 0, 100),
  pagePositions: fc.constantFrom(3, 64),
  prompts: fc.array(fc.array(fc.integer({ min: 0, max: 90 }), { minLength: 1, maxLength: 9 }), {
    minLength: 1,
    maxLength: 9,
  }),
  limits: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 9, maxLength: 9 }),
  reallocator: fc.constantFrom('scripted' as const, 'scripted' as const, 'random-copy' as const),
  timing: fc.constantFrom(2 as const, 3 as const),
  script: fc.array(moves, { minLength: 1, maxLength: 6 }),
})

function requestsOf(prompts: readonly number[][], limits: readonly number[]): GenerationRequest[] {
  return prompts.map((promptIds, i) => ({ promptIds, maxNewTokens: limits[i]! }))
}

function expectNothingLeft(run: TestRun): void {
  expect(run.leftBytes).toBe(0)
  expect(run.leftFolders).toEqual([])
}

/** Device bytes that everything on the device takes at most. */
const allBytes = 1_000_000

describe('a budget that changes while it runs', () => {
  const requests = requestsOf([[1, 2, 3], [4], [5, 6], [7, 8, 9, 10]], [12, 12, 12, 12])
  const policy = { percent: [100, 0, 100, 0, 100, 0], gpuBatchSize: 2, numGpuBatches: 2 }
  const options = { maxNewTokens: 12 }

  async function run(
    onSweep: (engine: Engine, sweeps: number, backend: Backend) => Promise<void>,
    maxDeviceBytes = allBytes,
  ): Promise<TestRun> {
    const backend = createReferenceBackend({ hostVisible: false })
    const model = createOptModel(fixture.config, { tensorNames: weights.tensors.keys() })
    return runEngine(
      {
        backend,
        model,
        weights,
        policy,
        maxDeviceBytes,
        maxRamBytes: 1e9,
        replacement: { timing: 2 },
        onSweep: (engine, sweeps) => onSweep(engine, sweeps, backend),
      },
      requests,
      options,
    )
  }

  it('shrinks and grows with the same ids, and holds every limit from the next sweep on', async () => {
    const expected = await run(async () => undefined)
    const least = await leastBytes()
    const held: number[] = []
    const shrunk = await run(async (engine, sweeps, backend) => {
      if (sweeps === 3) await engine.setBudget({ device: least })
      if (sweeps === 8) await engine.setBudget({ device: allBytes })
      held.push(backend.memory().deviceBytes + backend.memory().preparedBytes)
    })
    expect(shrunk.results).toEqual(expected.results)
    const { steps, timeline } = shrunk.report.replacement!
    expect(steps.filter(({ what }) => what === 'budget').map(({ why }) => why)).toEqual([
      'it has shrunk',
      'it has grown',
    ])
    for (const bytes of held.slice(4, 7)) expect(bytes).toBeLessThanOrEqual(least)
    expect(Math.max(...held.slice(8))).toBeGreaterThan(least)
    expect(timeline[3]!.pinnedBytes).toBeLessThan(timeline[1]!.pinnedBytes)
    expect(timeline.at(-1)!.pinnedBytes).toBeGreaterThan(timeline[3]!.pinnedBytes)
    expectNothingLeft(shrunk)
  })

  it('refuses a limit below what cannot move, and the run goes on', async () => {
    const expected = await run(async () => undefined)
    const errors: unknown[] = []
    const refused = await run(async (engine, sweeps) => {
      if (sweeps === 3) await engine.setBudget({ device: 1000 }).catch((error: unknown) => errors.push(error))
    })
    expect(errors).toMatchObject([{ code: 'INFEASIBLE' }])
    expect(refused.results).toEqual(expected.results)
    expect(refused.report.replacement!.steps.map(({ what }) => what)).toContain('refused')
    expectNothingLeft(refused)
  })

  it('refuses one of several changes that wait, and holds the one before it', async () => {
    const least = await leastBytes()
    const [held, codes]: [number[], unknown[]] = [[], []]
    await run(async (engine, sweeps, backend) => {
      if (sweeps === 3) {
        const changes = [least, 1000].map((device) => engine.setBudget({ device }))
        for (const { status } of await Promise.allSettled(changes)) codes.push(status)
      }
      held.push(backend.memory().deviceBytes + backend.memory().preparedBytes)
      // Nobody else gets what the budget does not have.
      if (sweeps === 5)
        expect(() => backend.allocate(least)).toThrow(expect.objectContaining({ code: 'OUT_OF_MEMORY' }))
    })
    expect(codes).toEqual(['fulfilled', 'rejected'])
    expect(Math.max(...held.slice(2))).toBeLessThanOrEqual(least)
  })

  it('takes a storm of changes that nobody waits for', async () => {
    const expected = await run(async () => undefined)
    const least = await leastBytes()
    const settled: Promise<unknown>[] = []
    const stormy = await run((engine, sweeps) => {
      for (const device of [least, 1000, allBytes, sweeps * 1000, least * 2]) {
        settled.push(engine.setBudget({ device }).catch((error: unknown) => error))
      }
      return Promise.resolve()
    })
    await Promise.all(settled)
    expect(stormy.results).toEqual(expected.results)
    expectNothingLeft(stormy)
  })

  it('is refused where placement does not change, and for what is no number of bytes', async () => {
    const errors: unknown[] = []
    const backend = createReferenceBackend({ hostVisible: false })
    const model = createOptModel(fixture.config, { tensorNames: weights.tensors.keys() })
    const onSweep = async (engine: Engine, sweeps: number): Promise<void> => {
      if (sweeps > 1) return
      await engine.setBudget({ device: allBytes }).catch((error: unknown) => errors.push(error))
      await engine.setBudget({ device: Number.NaN }).catch((error: unknown) => errors.push(error))
    }
    await runEngine({ backend, model, weights, policy, onSweep }, requests.slice(0, 1), { maxNewTokens: 1 })
    expect(errors).toMatchObject([
      { code: 'USAGE', message: expect.stringMatching(/does not change/) },
      { code: 'USAGE', message: expect.stringMatching(/number of bytes/) },
    ])
  })

  /** Bytes with which the same run can do when all that may leave has left. */
  async function leastBytes(): Promise<number> {
    const { plan } = (await run(async () => undefined)).report
    return plan.deviceBytes - 20_000
  }
})

/** What a run is made of; backends are new each time. */
function partsOf(
  model: Model,
  { hostVisible, pagePositions, policy }: { hostVisible: boolean; pagePositions: number; policy: PolicyOptions },
) {
  return {
    backend: createReferenceBackend({ hostVisible }),
    host: (policy.hostAttentionPercent ?? 0) > 0 ? createReferenceBackend() : undefined,
    model,
    weights,
    policy,
    pagePositions,
  }
}

describe('placement that changes while it runs', () => {
  it('gives the ids of a run without moves, for 150 random scripts of moves and aborts, and leaves nothing', async () => {
    const model = createOptModel(fixture.config, { tensorNames: weights.tensors.keys() })
    let [moved, onDisk] = [0, 0]
    await fc.assert(
      fc.asyncProperty(cases, async ({ hostVisible, pagePositions, prompts, limits, ...choice }) => {
        const { reallocator, timing, script, ...policy } = choice
        const requests = requestsOf(prompts, limits)
        const options = { maxNewTokens: 12 }
        const parts = () => partsOf(model, { hostVisible, pagePositions, policy })
        const expected = await runEngine(parts(), requests, options)
        const replacement: ReplacementOptions = {
          timing,
          everyTokens: 1,
          reallocator: reallocator === 'scripted' ? scripted(script) : reallocator,
        }
        const run = await runEngine({ ...parts(), replacement, maxRamBytes: 1e9 }, requests, options)
        expect(run.results).toEqual(expected.results)
        const { movedCacheBytes, timeline } = run.report.replacement!
        moved += movedCacheBytes
        onDisk += timeline.filter(({ diskRows }) => diskRows > 0).length
        expectNothingLeft(run)
      }),
      { numRuns: 150 },
    )
    expect(moved).toBeGreaterThan(0)
    expect(onDisk).toBeGreaterThan(100)
  })

  it('holds every limit after every sweep, for 40 random scripts of moves and budgets', async () => {
    const model = createOptModel(fixture.config, { tensorNames: weights.tensors.keys() })
    const shares = fc.array(fc.double({ min: 0.3, max: 1.3, noNaN: true }), { minLength: 2, maxLength: 5 })
    const seen = { changes: 0, refused: 0, onDisk: 0, ended: 0, leftRamBytes: 0, returnedRamBytes: 0 }
    await fc.assert(
      fc.asyncProperty(cases, shares, shares, async (choice, deviceShares, ramShares) => {
        const { hostVisible, pagePositions, prompts, limits, reallocator: _, timing, script, ...policy } = choice
        const requests = requestsOf(prompts, limits)
        const options = { maxNewTokens: 12, ignoreEos: true }
        const parts = () => partsOf(model, { hostVisible, pagePositions, policy })
        const expected = await runEngine(parts(), requests, options)
        const place = parts()
        const replacement: ReplacementOptions = { timing, everyTokens: 1, reallocator: scripted(script) }
        const onSweep = async (engine: Engine, sweeps: number): Promise<void> => {
          const sample = engine.report().replacement!.timeline.at(-1)
          if (sample?.sweep === sweeps) {
            const { deviceBytes, hostBytes, preparedBytes } = place.backend.memory()
            const device = deviceBytes + preparedBytes
            expect(hostBytes + (hostVisible ? device : 0)).toBeLessThanOrEqual(sample.planned.ram)
            if (!hostVisible) expect(device).toBeLessThanOrEqual(sample.planned.device)
          }
          const { plan } = engine
          const share = (of: readonly number[]): number => of[sweeps % of.length]!
          const budget = {
            ram: plan.ram.total * share(ramShares),
            ...(!hostVisible && { device: plan.deviceBytes * share(deviceShares) }),
          }
          seen.changes += 1
          await engine.setBudget(budget).catch((error: unknown) => {
            expect(error).toMatchObject({ code: 'INFEASIBLE' })
            seen.refused += 1
          })
        }
        const started = runEngine({ ...place, replacement, maxRamBytes: 1e9, onSweep }, requests, options)
        const run = await started.catch((error: unknown) => {
          // A block that was smaller may have held what the next one cannot.
          expect(error).toMatchObject({ code: 'INFEASIBLE', message: expect.stringMatching(/^the next block/) })
        })
        if (run === undefined) return void (seen.ended += 1)
        expect(run.results).toEqual(expected.results)
        for (const { leftRamBytes, returnedRamBytes } of run.report.replacement!.steps) {
          seen.leftRamBytes += leftRamBytes
          seen.returnedRamBytes += returnedRamBytes
        }
        for (const { planned, limits: held, diskRows } of run.report.replacement!.timeline) {
          if (held.ram !== undefined) expect(planned.ram).toBeLessThanOrEqual(held.ram)
          if (held.device !== undefined) expect(planned.device).toBeLessThanOrEqual(held.device)
          seen.onDisk += diskRows > 0 ? 1 : 0
        }
        expectNothingLeft(run)
      }),
      { numRuns: 40 },
    )
    expect(seen.onDisk).toBeGreaterThan(0)
    expect(seen.leftRamBytes).toBeGreaterThan(0)
    expect(seen.returnedRamBytes).toBeGreaterThan(0)
    expect(seen.refused).toBeGreaterThan(0)
    expect(seen.refused).toBeLessThan(seen.changes)
    expect(seen.ended).toBeLessThan(10)
  })
})
