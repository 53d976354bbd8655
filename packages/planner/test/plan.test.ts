import { describe, expect, it } from 'vitest'
import {
  type Candidate,
  type CostModelAnswer,
  createCostModel,
  describePlan,
  type FeasiblePlan,
  infeasiblePlanError,
  type InfeasiblePlan,
  namedProfile,
  plan,
  type PlanRequest,
} from '../src/index.ts'
import { checkRequest } from '../src/plan/check-request.ts'
import { layoutsOf } from '../src/plan/plan.ts'
import { optModel } from './support/opt-model.ts'

const gib = 2 ** 30
const t4 = (model: string, changes: Partial<PlanRequest> = {}): PlanRequest => ({
  model: optModel(model),
  hardware: namedProfile('flexgen-t4')!,
  costModel: 'flexgen',
  promptTokens: 512,
  newTokens: 32,
  capacity: { device: 16 * gib, ram: 200 * gib, disk: 1500 * gib },
  ...changes,
})

async function feasible(request: PlanRequest): Promise<FeasiblePlan> {
  const result = await plan(request)
  if (!result.feasible) expect.fail(result.reason)
  return result
}

const costModels = { flexgen: await createCostModel('flexgen'), engine: await createCostModel('engine') }

/** The answer of the cost model alone, without what a plan says besides. */
async function answerOf(request: PlanRequest): Promise<CostModelAnswer> {
  const problem = checkRequest(request)
  await using layouts = request.costModel === 'engine' ? await layoutsOf(request, problem) : undefined
  return costModels[request.costModel].plan({ ...problem, layouts })
}

async function bestOf(request: PlanRequest): Promise<Candidate> {
  const answer = await answerOf(request)
  if (!answer.feasible) expect.fail('it does not fit')
  return answer.best
}

async function infeasible(request: PlanRequest): Promise<InfeasiblePlan> {
  const result = await plan(request)
  if (result.feasible) expect.fail('it fits')
  return result
}

describe('the T4 example', async () => {
  const result = await feasible(t4('opt-30b'))

  it('is what FlexGen itself finds', async () => {
    expect(result.policy).toMatchObject({ gpuBatchSize: 32, numGpuBatches: 5, percent: [12, 78, 0, 100, 0, 100] })
    expect(result.policy.percentExact.map((share) => Number(share.toFixed(3)))).toEqual([12.428, 77.81, 0, 100, 0, 100])
    expect(result.predicted.totalTokensPerSecond).toBeCloseTo(7.0947, 4)
    expect(result.predicted.prefillSeconds).toBeCloseTo(234.0782, 3)
    expect(result.predicted.decodeSeconds).toBeCloseTo(487.5843, 3)
  })

  it('lists the other corners, with the least on disk first, all as fast', async () => {
    expect(result.alternatives.map(({ percent }) => percent)).toEqual([
      [12, 88, 0, 100, 0, 100],
      [12, 88, 0, 95, 0, 100],
    ])
    expect(result.alternatives[0]!.bytes.disk.total).toBe(0)
    for (const { predicted } of result.alternatives) {
      expect(predicted.totalTokensPerSecond).toBeCloseTo(result.predicted.totalTokensPerSecond, 6)
    }
  })

  it('fills each tier to what may be planned for at most, and adds up', async () => {
    for (const use of Object.values(result.bytes)) {
      expect(use.total).toBe(use.weights + use.cache + use.activations + use.staging)
      expect(use.total).toBeLessThanOrEqual(use.allowed + 2)
      expect(use.allowed).toBe(Math.floor(use.capacity * 0.8))
    }
    expect(result.bytes.device.total / gib).toBeCloseTo(12.8, 6)
    expect(result.bytes.ram.total / gib).toBeCloseTo(154.572, 3)
    expect(result.bytes.ram.cache).toBe(119_789_322_240)
  })

  it('says what binds and what would help', async () => {
    expect(result.predicted.prefill.bindingResource).toBe('deviceCompute')
    expect(result.predicted.decodeStep.bindingResource).toBe('hostAttention')
    expect(result.predicted.decodeStep.seconds).toBeCloseTo(487.5843 / 31, 4)
    const factors = result.whatIf.map(({ factor }) => factor)
    expect(factors).toEqual(factors.toSorted((a, b) => b - a))
    expect(result.whatIf.find(({ change }) => change === '4-bit weights')?.totalTokensPerSecond).toBeCloseTo(8.3367, 4)
    expect(result.whatIf.map(({ change }) => change)).toContain('64.0 GiB more RAM')
  })

  it('has a runner-up of another batch size that is slower', async () => {
    expect(result.runnerUp!.policy.gpuBatchSize).not.toBe(32)
    expect(result.runnerUp!.predicted.totalTokensPerSecond).toBeLessThan(result.predicted.totalTokensPerSecond)
  })

  it('can be written as JSON and read', async () => {
    expect(JSON.parse(JSON.stringify(result))).toEqual(result)
  })

  it('reads well', async () => {
    const text = describePlan(result)
    expect(text).toContain(
      '           --gpu-batch-size 32 --num-gpu-batches 5 --percent 12 78 0 100 0 100 --cpu-cache-compute',
    )
    expect(text).toContain('Expected   7.09 token/s: 12 min 02 s for a block')
    expect(text).toContain('in all            12.8 GiB   155 GiB  5.38 GiB')
    expect(text).toContain('decoding   15.7 s a step (10.2 token/s), bound by: attention on the host')
    expect(text.join('\n')).toContain('As fast    --percent 12 88 0 100 0 100 (0 on disk')
  })
})

describe('plan', () => {
  it.each([
    [t4('opt-30b', { compressWeight: true }), [64, 3], 8.3367],
    [t4('opt-30b', { capacity: { device: 15 * gib, ram: 200 * gib, disk: 1500 * gib } }), [32, 5], 7.075],
    // The capacities of the profile are the defaults of the original's command line.
    [t4('opt-30b', { capacity: {} }), [32, 5], 7.075],
    [t4('opt-6.7b', { newTokens: 1288 }), [1, 1], 49.955],
  ])('finds the split and throughput %#', async (request, split, tokensPerSecond) => {
    const { policy, predicted } = await bestOf(request)
    expect([policy.gpuBatchSize, policy.numGpuBatches]).toEqual(split)
    expect(predicted.totalTokensPerSecond / tokensPerSecond).toBeCloseTo(1, 4)
    expect(policy.compressWeight).toBe(request.compressWeight ?? false)
  })

  it.each([
    ['opt-30b', [48, 3], [20, 80, 0, 100, 0, 100], 7.1357],
    ['opt-175b', [32, 8], [0, 50, 0, 0, 0, 100], 0.1544],
  ] as const)(
    'predicts a policy that is given whole: %s',
    async (model, [gpuBatchSize, numGpuBatches], percent, want) => {
      const fixed = { percent, gpuBatchSize, numGpuBatches }
      const { policy, predicted, alternatives } = await feasible(t4(model, { fixed }))
      expect(policy).toMatchObject({ gpuBatchSize, numGpuBatches, percent })
      expect(predicted.totalTokensPerSecond.toPrecision(4)).toBe(want.toPrecision(4))
      expect(alternatives).toEqual([])
    },
  )

  it('searches the split where only percents are given, and the percents where only the split is', async () => {
    const percents = await feasible(t4('opt-30b', { fixed: { percent: [0, 100, 0, 100, 0, 100] } }))
    expect(percents.policy.percent).toEqual([0, 100, 0, 100, 0, 100])
    expect(percents.policy.gpuBatchSize * percents.policy.numGpuBatches).toBeGreaterThan(64)
    const split = await bestOf(t4('opt-30b', { fixed: { gpuBatchSize: 32, numGpuBatches: 5 } }))
    expect(split.policy.percent).toEqual([12, 78, 0, 100, 0, 100])
    expect(percents.whatIf.map(({ change }) => change)).toContain('the policy that the planner would choose')
  })

  it('counts blocks and the last, smaller one', async () => {
    const { job, predicted, policy } = await feasible(t4('opt-30b', { numPrompts: 500 }))
    expect([policy.gpuBatchSize, policy.numGpuBatches]).toEqual([32, 5])
    expect(job!.blocks).toBe(4)
    expect(job!.totalSeconds).toBeGreaterThan(3 * predicted.totalSeconds)
    expect(job!.totalSeconds).toBeLessThan(4 * predicted.totalSeconds)
    const exact = await feasible(t4('opt-6.7b', { numPrompts: 4, fixed: { gpuBatchSize: 2, numGpuBatches: 1 } }))
    expect(exact.job).toEqual({ blocks: 2, totalSeconds: 2 * exact.predicted.totalSeconds })
  })

  it('makes no block larger than the job', async () => {
    const { policy } = await bestOf(t4('opt-30b', { numPrompts: 20 }))
    expect(policy.gpuBatchSize * policy.numGpuBatches).toBeLessThanOrEqual(20)
  })

  it('plans for what the margin says', async () => {
    const margin = { device: 1, ram: 0.9, disk: 0.5 }
    const { bytes } = await bestOf(t4('opt-30b', { margin }))
    expect(bytes.device.allowed).toBe(16 * gib)
    expect(bytes.ram.allowed).toBe(Math.floor(180 * gib))
    expect(bytes.disk.allowed).toBe(750 * gib)
  })
})

describe('the engine model', () => {
  const engine = (model: string, changes: Partial<PlanRequest> = {}): PlanRequest =>
    t4(model, { costModel: 'engine', ...changes })

  it('spreads OPT-30B over a T4 and says what binds', async () => {
    const result = await feasible(engine('opt-30b'))
    const { bytes, policy, predicted } = result
    expect(bytes.device.total).toBeGreaterThan(0.8 * 16 * gib)
    expect(bytes.ram.total).toBeLessThanOrEqual(bytes.ram.allowed)
    expect(policy.gpuBatchSize * policy.numGpuBatches).toBeGreaterThan(32)
    const { seconds, secondsByResource, bindingResource } = predicted.decodeStep
    expect(Math.max(...Object.values(secondsByResource))).toBe(secondsByResource[bindingResource])
    expect(seconds).toBeGreaterThanOrEqual(secondsByResource[bindingResource]!)
    expect(describePlan(result).join('\n')).toContain('cost model engine')
    expect(result.runnerUp!.policy.gpuBatchSize).not.toBe(policy.gpuBatchSize)
  })

  it('keeps weights on the device where it has room, and asks for no disk', async () => {
    const { policy, bytes } = await bestOf(engine('opt-1.3b', { numPrompts: 8 }))
    expect(policy.percent.slice(0, 2)).toEqual([100, 0])
    expect(bytes.disk.total).toBe(0)
    expect(policy.gpuBatchSize * policy.numGpuBatches).toBe(8)
  })

  it('compresses only where it may', async () => {
    const wide = await bestOf(engine('opt-30b', { numPrompts: 64 }))
    expect([wide.policy.compressWeight, wide.policy.compressCache]).toEqual([false, false])
    const free = await bestOf(engine('opt-30b', { numPrompts: 64, allowCompression: true }))
    expect(free.policy.compressWeight || free.policy.compressCache).toBe(true)
    expect(free.predicted.totalTokensPerSecond).toBeGreaterThan(wide.predicted.totalTokensPerSecond)
  })

  it('predicts a policy that is given', async () => {
    const percent = [0, 100, 0, 100, 100, 0] as const
    const fixed = { percent, gpuBatchSize: 8, numGpuBatches: 2 }
    const { policy, predicted } = await bestOf(engine('opt-6.7b', { fixed }))
    expect(policy).toMatchObject({ gpuBatchSize: 8, numGpuBatches: 2, percent })
    // Every matrix crosses the link once a step, and nothing of that can be hidden behind more than itself.
    const matrices = 2 * (32 * 12 * 4096 ** 2 + 2 * 50272 * 4096 + 2050 * 4096)
    expect(predicted.decodeStep.seconds).toBeGreaterThanOrEqual(matrices / 12e9)
  })

  it('says what lacks, with a change that does', async () => {
    const capacity = { device: 16 * gib, ram: 2 * gib, disk: 10 * gib }
    const result = await infeasible(engine('opt-30b', { capacity }))
    // 56 GiB of weights: more of the device or of the disk would do.
    expect(result.lacks.map(({ tier }) => tier)).toEqual(['device'])
    const { tier, bytes } = result.lacks[0]!
    expect(bytes / gib).toBeGreaterThan(28)
    expect(bytes / gib).toBeLessThan(50)
    const grown = (factor: number): PlanRequest =>
      engine('opt-30b', { capacity: { ...capacity, [tier]: capacity[tier] + bytes * factor } })
    expect((await bestOf(grown(1))).bytes.disk.weights).toBeLessThanOrEqual(10 * gib)
    expect((await answerOf(grown(0.95))).feasible).toBe(false)
    const changes = result.changes.map(({ change }) => change)
    expect(changes).toContainEqual(expect.stringMatching(/^[\d.]+ GiB more disk$/))
  })
})

describe('what does not fit', () => {
  it('lacks the least that would do, which then does', async () => {
    const capacity = { device: 1e9, ram: 16e9, disk: 20e9 }
    const result = await infeasible(t4('opt-30b', { capacity }))
    expect(result.lacks.map(({ tier }) => tier)).toEqual(['device', 'disk'])
    const grown = Object.fromEntries(result.lacks.map(({ tier, bytes }) => [tier, (capacity[tier] + bytes) * 1.000001]))
    expect((await answerOf(t4('opt-30b', { capacity: { ...capacity, ...grown } }))).feasible).toBe(true)
    const short = Object.fromEntries(result.lacks.map(({ tier, bytes }) => [tier, capacity[tier] + bytes * 0.999]))
    expect((await answerOf(t4('opt-30b', { capacity: { ...capacity, ...short } }))).feasible).toBe(false)
    expect(result.changes.map(({ change }) => change)).toEqual([
      '4-bit weights (--compress-weight)',
      '2.09 GiB more device memory and 37.6 GiB more disk',
      '37.4 GiB more device memory',
    ])
    expect(describePlan(result).join('\n')).toContain('This would fit:')
  })

  it('is an error with exit code 3 that names the capacity and the change', async () => {
    const result = await infeasible(t4('opt-30b', { fixed: { gpuBatchSize: 512, percent: [50, 50, 100, 0, 100, 0] } }))
    const error = infeasiblePlanError(result)
    expect(error).toMatchObject({ code: 'INFEASIBLE', exitCode: 3 })
    expect(error.message).toMatch(/^opt-30b with 512 x 1 sequences of 512 \+ 32 tokens lack \d+ GiB of device memory/)
    expect(error.hint).toMatch(/^this would fit: smaller batches; or \d+ GiB more device memory/)
  })

  it('finds changes from nothing at all', async () => {
    const result = await infeasible(t4('opt-6.7b', { capacity: { device: 0, ram: 0, disk: 0 } }))
    expect(result.lacks.length).toBeGreaterThan(0)
    expect(result.changes.length).toBeGreaterThan(0)
  })
})

describe('a request that means nothing', () => {
  it.each<[string, Partial<PlanRequest>, string]>([
    ['no prompt', { promptTokens: 0 }, 'the prompt length must be a whole number above 0, got 0'],
    ['half a token', { newTokens: 1.5 }, 'the number of new tokens must be a whole number above 0, got 1.5'],
    ['negative memory', { capacity: { ram: -1 } }, 'the capacity of RAM must be 0 or more, got -1'],
    [
      'memory that is no number',
      { capacity: { device: Number.NaN } },
      'the capacity of the device must be 0 or more, got NaN',
    ],
    ['percents over 100', { fixed: { percent: [60, 60, 0, 100, 0, 100] } }, 'more than 100'],
    ['activations on disk', { fixed: { percent: [60, 40, 0, 100, 0, 50] } }, 'activations off the disk'],
    ['a batch of none', { fixed: { gpuBatchSize: 0 } }, 'gpu batch size must be'],
    ['4-bit KV', { compressCache: true }, 'does not describe a KV cache of 4 bits'],
    ['no prompts', { numPrompts: 0 }, 'the number of prompts must be'],
  ])('%s', async (_, changes, message) => {
    await expect(plan(t4('opt-30b', changes))).rejects.toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(message) }),
    )
  })

  it('more positions than the model has', async () => {
    await expect(plan(t4('opt-30b', { promptTokens: 2040 }))).rejects.toThrow(
      expect.objectContaining({ code: 'PROMPT_TOO_LONG', exitCode: 2 }),
    )
  })
})
