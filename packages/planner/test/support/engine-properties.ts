import fc from 'fast-check'
import { expect } from 'vitest'
import { createEngineCostModel } from '../../src/engine/engine-cost-model.ts'
import { engineProblem } from '../../src/engine/engine-problem.ts'
import { possibleReadWays } from '../../src/engine/page-cache.ts'
import { searchLayouts } from '../../src/engine/search-layouts.ts'
import { relaxedProgram, splitModel, type SplitModel } from '../../src/engine/split-model.ts'
import { searchEngineSplits, secondsPerSequence } from '../../src/engine/search-splits.ts'
import { scaleHardware } from '../../src/hardware/scale-hardware.ts'
import { createLayouts, type Layouts } from '../../src/layout/layouts.ts'
import { createLinearSolver } from '../../src/lp/create-linear-solver.ts'
import { evaluateForm } from '../../src/lp/linear-form.ts'
import type { PlanningProblem } from '../../src/problem/planning-problem.ts'
import { mapTiers } from '../../src/problem/tier-amounts.ts'
import { machines } from './hosts.ts'
import { decoderModel } from './opt-model.ts'

const solver = await createLinearSolver()
const costModel = createEngineCostModel(solver)
const gib = 2 ** 30

/** Models small enough for thousands of searches, with every part that matters: a large vocabulary, odd layers. */
const models = [
  decoderModel('narrow', { layers: 6, hidden: 1024, heads: 16, ffn: 4096, vocabulary: 50272, maxPositions: 2048 }),
  decoderModel('wide', { layers: 5, hidden: 8192, heads: 64, ffn: 32768, vocabulary: 50272, maxPositions: 2048 }),
]

const either = [false, true]
const forms = either.flatMap((compressWeight) =>
  either.flatMap((compressCache) => either.map((hostAttention) => ({ compressWeight, compressCache, hostAttention }))),
)
/** What lays out a model on a machine; neither capacities nor speeds matter for it. */
const layouts = new Map<string, Layouts>()
for (const model of models) {
  for (const hardware of machines) {
    layouts.set(`${model.name} ${hardware.name}`, await createLayouts({ model, hardware }, forms))
  }
}

const problems: fc.Arbitrary<PlanningProblem> = fc
  .record({
    model: fc.constantFrom(...models),
    hardware: fc
      .tuple(fc.constantFrom(...machines), fc.constantFrom(0.2, 1, 8), fc.constantFrom(0.2, 1, 8))
      .map(([machine, disk, hostLink]) => scaleHardware(machine, { disk, hostLink })),
    capacity: fc.record({
      device: fc.integer({ min: 1, max: 120 }).map((n) => (n * gib) / 8),
      ram: fc.integer({ min: 1, max: 240 }).map((n) => (n * gib) / 8),
      disk: fc.integer({ min: 0, max: 400 }).map((n) => (n * gib) / 8),
    }),
    margin: fc.constant(undefined),
    promptTokens: fc.constantFrom(1, 40, 512, 1500),
    newTokens: fc.constantFrom(1, 32, 500),
    numPrompts: fc.constantFrom(undefined, 1, 37),
    fixed: fc.constant({}),
    compressWeight: fc.boolean(),
    compressCache: fc.boolean(),
    allowCompression: fc.constant(false),
    overlap: fc.boolean(),
    directIo: fc.boolean(),
    freeRamBytes: fc.integer({ min: 1, max: 400 }).map((n) => (n * gib) / 8),
    layouts: fc.constant(undefined),
  })
  .map((problem) => ({ ...problem, layouts: layouts.get(`${problem.model.name} ${problem.hardware.name}`) }))

/** Splits of a problem; undefined where it has no host that attends, or not even an empty machine has room. */
const splitModels: fc.Arbitrary<SplitModel | undefined> = fc
  .tuple(problems, fc.constantFrom(1, 4, 32), fc.constantFrom(1, 3, 16), fc.boolean())
  .map(([problem, gpuBatchSize, numGpuBatches, hostAttention]) => {
    const engine = engineProblem(problem, problem.capacity, problem.compressWeight, problem.compressCache)
    if (engine === undefined) expect.fail('a form was not laid out')
    if (hostAttention && engine.host === undefined) return undefined
    const readWay = possibleReadWays(engine)[0]!
    return splitModel(engine, { gpuBatchSize, numGpuBatches }, { hostAttention, hiddenOnDevice: true, readWay })
  })

/** More memory or a faster part never makes the best policy slower. */
export function checkNeverSlower(numRuns: number): void {
  let compared = 0
  let better = 0
  fc.assert(
    fc.property(
      problems,
      fc.constantFrom('device', 'ram', 'disk', 'freeRam', 'hostLink', 'diskSpeed', 'hostAttention', 'compute'),
      fc.constantFrom(1.01, 1.3, 2, 10),
      (problem, what, factor) => {
        const more = improve(problem, what, factor)
        const [before, after] = [secondsOf(problem), secondsOf(more)]
        if (before === undefined) return
        compared += 1
        expect(after).toBeDefined()
        expect(after!).toBeLessThanOrEqual(before * (1 + 2e-8))
        if (after! < before * 0.999) better += 1
      },
    ),
    { numRuns },
  )
  expect(compared).toBeGreaterThan(numRuns / 8)
  // In a few runs there may be none that gains.
  if (numRuns >= 100) expect(better).toBeGreaterThan(numRuns / 20)
}

/** Where RAM is short, a larger device does not take more weights than RAM can load. */
export function checkLoadsThroughLittleRam(): void {
  const [model, hardware] = [models[1]!, machines[1]!]
  const feasible = [1, 2, 4, 8, 16, 40, 120].map((device) => {
    const found = secondsOf({
      model,
      hardware,
      capacity: { device: (device * gib) / 8, ram: gib / 2, disk: 50 * gib },
      margin: undefined,
      promptTokens: 512,
      newTokens: 32,
      numPrompts: 1,
      fixed: { gpuBatchSize: 1, numGpuBatches: 1 },
      compressWeight: false,
      compressCache: false,
      allowCompression: false,
      overlap: true,
      directIo: true,
      freeRamBytes: 2 * gib,
      layouts: layouts.get(`${model.name} ${hardware.name}`),
    })
    return found !== undefined
  })
  expect(feasible).toEqual([false, false, false, false, true, true, true])
}

/** What prunes the search is below everything that the search could find. */
export function checkBounds(numRuns: number): void {
  let found = 0
  fc.assert(
    fc.property(splitModels, (model) => {
      if (model === undefined) return
      const layout = searchLayouts(model, undefined)
      const { program, seconds, leastSeconds } = relaxedProgram([model])
      const outcome = solver.solve(program)
      if (layout === undefined) return
      found += 1
      if (outcome.status !== 'optimal') expect.fail('a layout fits that the relaxation refuses')
      const bound = seconds(evaluateForm(program.minimize, outcome.values))
      expect(bound).toBeLessThanOrEqual(layout.blockSeconds * (1 + 1e-7))
      expect(leastSeconds).toBeLessThanOrEqual(bound * (1 + 1e-7))
    }),
    { numRuns },
  )
  expect(found).toBeGreaterThan(numRuns / 10)
}

/** Whole percents of weights and KV on the device and in RAM, in steps of ten; the rest of the weights in RAM, half of it, or none. */
const coarsePercents = ((tens: readonly number[]) =>
  tens.flatMap((cd) =>
    tens
      .filter((cr) => cd + cr <= 100)
      .flatMap((cr) => tens.flatMap((wd) => [100 - wd, (100 - wd) / 2, 0].map((wr) => [wd, wr, cd, cr] as const))),
  ))([0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100])

/** What the search leaves out layouts by is below what they take, and what is as fast as it is asked for is found. */
export function checkLeastSeconds(numRuns: number): void {
  let compared = 0
  fc.assert(
    fc.property(splitModels, (model) => {
      if (model === undefined) return
      for (const [wd, wr, cd, cr] of coarsePercents) {
        if (model.engine.isHost && cd > 0) continue
        const other = searchLayouts(model, [wd, wr, cd, cr, 100, 0])
        if (other === undefined) continue
        compared += 1
        const least = model.leastBlockSeconds(other.shares, other.isAhead)
        expect(least).toBeLessThanOrEqual(other.blockSeconds * (1 + 1e-9))
      }
      const best = searchLayouts(model, undefined)
      if (best !== undefined) expect(searchLayouts(model, undefined, best.blockSeconds)).toEqual(best)
    }),
    { numRuns },
  )
  expect(compared).toBeGreaterThan(numRuns)
}

/** Plans keep within every tier and have whole percents. */
export function checkWithinTiers(numRuns: number): void {
  fc.assert(
    fc.property(problems, (problem) => {
      const answer = costModel.plan(problem)
      if (!answer.feasible) return
      const { policy, bytes } = answer.best
      for (const use of Object.values(bytes)) expect(use.total).toBeLessThanOrEqual(use.allowed)
      const [wd, wr, cd, cr, hd, hr] = policy.percent
      for (const [device, ram] of [
        [wd, wr],
        [cd, cr],
        [hd, hr],
      ] as const) {
        expect(Number.isInteger(device) && Number.isInteger(ram)).toBe(true)
        expect(device >= 0 && ram >= 0 && device + ram <= 100).toBe(true)
      }
    }),
    { numRuns },
  )
}

/** Seconds a sequence of the best policy, of a job its whole time; undefined where nothing fits. */
function secondsOf(problem: PlanningProblem): number | undefined {
  const { capacity, compressWeight, compressCache } = problem
  const engine = engineProblem(problem, capacity, compressWeight, compressCache)
  const found = engine === undefined ? undefined : searchEngineSplits(solver, [engine])
  return found === undefined ? undefined : secondsPerSequence(found.best)
}

function improve(problem: PlanningProblem, what: string, factor: number): PlanningProblem {
  switch (what) {
    case 'device':
    case 'ram':
    case 'disk':
      return {
        ...problem,
        capacity: mapTiers(problem.capacity, (bytes, tier) => (tier === what ? bytes * factor : bytes)),
      }
    case 'freeRam':
      return { ...problem, freeRamBytes: problem.freeRamBytes * factor }
    case 'diskSpeed':
      return { ...problem, hardware: scaleHardware(problem.hardware, { disk: factor }) }
    case 'compute':
      return { ...problem, hardware: scaleHardware(problem.hardware, { device: factor }) }
    default:
      return { ...problem, hardware: scaleHardware(problem.hardware, { [what]: factor }) }
  }
}
