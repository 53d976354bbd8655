import { createSimulatedSource, createSimulation, type Scenario, type SimulatedHardware } from '../src/index.ts'
import { createEngine, createPolicy, type GenerationResult, type PolicyOptions, type RunReport } from '@flexgen/core'
import { optFamily } from '@flexgen/opt'
import type { TraceSpan } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { gpuMachine, hostMachine } from './support/small-machines.ts'

interface Run {
  readonly results: readonly GenerationResult[]
  readonly report: RunReport
  readonly spans: readonly TraceSpan[]
  readonly heldBytes: number
}

const large = { deviceBytes: 100e9, ramBytes: 400e9, diskBytes: 1e12 }

async function run(
  hardware: SimulatedHardware,
  policy: PolicyOptions,
  options: {
    readonly model?: string
    readonly scenario?: Omit<Scenario, 'schemaVersion'>
    readonly tokens?: number
  } = {},
): Promise<Run> {
  const { model: name = 'opt-125m', scenario, tokens = 5 } = options
  const simulation = createSimulation({
    hardware: { ...hardware, capacity: large },
    scenario: { schemaVersion: 1, ...scenario },
  })
  const { backend, host, ram, disk, clock, stopRule } = simulation
  const spans: TraceSpan[] = []
  const model = optFamily.create(optFamily.builtinConfig(name), { name })
  const engine = await createEngine({
    model,
    backend,
    host,
    ram,
    disk,
    clock,
    weights: createSimulatedSource({ model }),
    policy: createPolicy(policy),
    dtype: 'float32',
    trace: { span: (span) => void spans.push(span) },
  })
  const requests = [9, 30, 17, 4, 25].map((length) => ({ promptIds: Array.from({ length }, (_, i) => 50 + i) }))
  const results = await engine.generateAll(requests, { maxNewTokens: tokens, ignoreEos: true, stopRule })
  const report = engine.report()
  await engine[Symbol.asyncDispose]()
  const heldBytes =
    [backend, host!].reduce(
      (sum, { memory }) => sum + memory().deviceBytes + memory().hostBytes + memory().preparedBytes,
      0,
    ) +
    ram.stats().heldBytes +
    disk.stats().heldBytes
  await simulation[Symbol.asyncDispose]()
  return { results, report, spans, heldBytes }
}

const mixed: PolicyOptions = {
  percent: [20, 40, 30, 30, 0, 50],
  gpuBatchSize: 2,
  numGpuBatches: 2,
  hostAttentionPercent: 50,
}

describe('the engine on a simulation', () => {
  it.each([hostMachine, gpuMachine])('runs on $name, the same every time, and leaves nothing', async (hardware) => {
    const scenario = { noise: { spread: 0.1, seed: 4 } }
    const [first, second] = [await run(hardware, mixed, { scenario }), await run(hardware, mixed, { scenario })]
    expect(first.spans.length).toBeGreaterThan(1000)
    expect(second.spans).toEqual(first.spans)
    expect(second.report).toEqual(first.report)
    expect(second.results).toEqual(first.results)
    expect(first.heldBytes).toBe(0)
    const other = await run(hardware, mixed, { scenario: { noise: { spread: 0.1, seed: 5 } } })
    expect(other.report.decodeSeconds).not.toBe(first.report.decodeSeconds)
  })

  it('keeps its plan: no tier holds more than was planned', async () => {
    for (const hardware of [hostMachine, gpuMachine]) {
      const { report } = await run(hardware, mixed)
      expect(report.peakRamBytes).toBeLessThanOrEqual(report.plan.ram.total)
      expect(report.peakDeviceBytes).toBeLessThanOrEqual(report.plan.deviceBytes)
      expect(report.peakDiskBytes).toBeLessThanOrEqual(report.plan.diskBytes)
      expect(report.peakDiskBytes).toBeGreaterThan(0)
    }
  })

  it('ends sequences where the scenario says', async () => {
    const { results } = await run(gpuMachine, mixed, { scenario: { lengths: [3, 1, 4] }, tokens: 8 })
    expect(results.map(({ ids, finishReason }) => [ids.length, finishReason])).toEqual([
      [3, 'stop'],
      [1, 'stop'],
      [4, 'stop'],
      [3, 'stop'],
      [1, 'stop'],
    ])
  })

  it('finds other ids for another seed, and never special ones', async () => {
    const idsOf = async (tokenSeed: number): Promise<number[]> => {
      const { results } = await run(hostMachine, mixed, { scenario: { tokenSeed } })
      return results.flatMap(({ ids }) => [...ids])
    }
    const ids = await idsOf(1)
    expect(ids.every((id) => id >= 16 && id < 50272)).toBe(true)
    expect(new Set(ids).size).toBeGreaterThan(20)
    expect(await idsOf(2)).not.toEqual(ids)
  })

  it('overlaps: the same steps in sequence take longer', async () => {
    const policy = { ...mixed, percent: [0, 50, 0, 100, 0, 100] }
    const together = await run(gpuMachine, policy)
    const apart = await run(gpuMachine, { ...policy, overlap: false })
    expect(apart.report.decodeSeconds).toBeGreaterThan(1.1 * together.report.decodeSeconds)
    expect(apart.results).toEqual(together.results)
  })

  it('is as fast as its slowest link says where one link binds', async () => {
    const policy = { percent: [0, 0, 100, 0, 100, 0], gpuBatchSize: 5, numGpuBatches: 1 }
    const { report } = await run(gpuMachine, policy, { tokens: 6 })
    const decode = report.sweeps.filter(({ phase }) => phase === 'decode')
    const bytes = decode.reduce((sum, { diskBytesRead }) => sum + diskBytesRead.weights, 0)
    // The disk reads a gigabyte a second, and nothing else takes nearly as long.
    expect(report.decodeSeconds).toBeGreaterThan(bytes / 1e9)
    expect(report.decodeSeconds).toBeLessThan((1.1 * bytes) / 1e9)
  })

  it('reacts to a link that becomes slower', async () => {
    const policy = { percent: [0, 100, 100, 0, 100, 0], gpuBatchSize: 5, numGpuBatches: 1 }
    const changes = [{ atSeconds: 0, speed: 'hostToDevice', factor: 0.25 }] as const
    const [usual, slow] = [await run(gpuMachine, policy), await run(gpuMachine, policy, { scenario: { changes } })]
    expect(slow.report.decodeSeconds / usual.report.decodeSeconds).toBeGreaterThan(3)
    expect(slow.results).toEqual(usual.results)
  })

  it('holds a model of 350 GB in next to no memory', async () => {
    const before = process.memoryUsage().rss
    const policy = { percent: [0, 50, 0, 100, 0, 100], gpuBatchSize: 5, numGpuBatches: 1 }
    const { report } = await run(gpuMachine, policy, { model: 'opt-175b', tokens: 2 })
    expect(report.peakRamBytes).toBeGreaterThan(170e9)
    expect(process.memoryUsage().rss - before).toBeLessThan(400e6)
  })
})
