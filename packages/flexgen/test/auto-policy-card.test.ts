import { createReferenceBackend } from '@flexgen/backend-reference'
import { namedProfile } from '@flexgen/planner'
import type { Backend } from '@flexgen/spec'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createEngine, type CreateEngineOptions } from '../src/index.ts'
import { createEnginePlace, type EnginePlace } from './engine-place.ts'

let place: EnginePlace
let host: Backend
beforeEach(() => {
  place = createEnginePlace()
  host = createReferenceBackend()
})
afterEach(async () => {
  await host[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
})

const workload = { sequences: 6, maxPromptTokens: 12, maxNewTokens: 6 }
const prompts = Array.from({ length: 6 }, (_, i) =>
  Array.from({ length: 12 - i }, (_unused, j) => 2 + ((7 * i + j) % 40)),
)
const run = { maxNewTokens: 6, ignoreEos: true }

async function ranWith(options: CreateEngineOptions) {
  // One for each run: a backend's peak is that of its life.
  await using card = createReferenceBackend({ hostVisible: false })
  await using engine = await createEngine({
    backend: card,
    hostBackend: host,
    offloadDir: place.offloadDir,
    workload,
    history: false,
    hardware: 'h100-pcie5',
    ...options,
  })
  const results = await engine.generateAll(prompts, run)
  return { ids: results.map(({ ids }) => ids), report: engine.report(), prediction: await engine.prediction() }
}

describe('policy auto on a device with memory of its own', () => {
  it('keeps any budget of the device that anything fits in, with the same tokens and the predicted bytes', async () => {
    const { ids, report } = await ranWith({ policy: { percent: [100, 0, 100, 0, 100, 0], gpuBatchSize: 6 } })
    const all = report.peakDeviceBytes
    for (const share of [1.1, 0.6, 0.3]) {
      const maxDeviceMemory = Math.floor(all * share)
      const auto = await ranWith({ policy: 'auto', maxDeviceMemory })
      expect(auto.ids).toEqual(ids)
      expect(auto.report.plan.deviceBytes).toBeLessThanOrEqual(maxDeviceMemory)
      expect(auto.report.peakDeviceBytes).toBeLessThanOrEqual(maxDeviceMemory)
      expect(auto.prediction!.predicted.peakDeviceBytes).toBe(auto.report.plan.deviceBytes)
      expect(auto.report.notices.join()).toContain('policy auto: --percent')
    }
  })

  it('chooses attention on the host where KV streams over a slow link, and says so', async () => {
    const hardware = path.join(place.offloadDir, 'hardware.json')
    const { links, ...profile } = namedProfile('h100-pcie5')!
    const slow = { pinned: { bytesPerSecond: 1e6 }, pageable: { bytesPerSecond: 1e6 } }
    writeFileSync(hardware, JSON.stringify({ ...profile, links: { ...links, hostToDevice: slow, deviceToHost: slow } }))
    const { ids, report } = await ranWith({ policy: 'auto', hardware, maxDeviceMemory: 12e6 })
    expect(report.policy.cache.device).toBeLessThan(100)
    expect(report.policy.hostAttentionPercent).toBe(100)
    expect(report.notices.join()).toContain('100 % of the KV off the device attended on the host')
    const given = await ranWith({ policy: { percent: [100, 0, 100, 0, 100, 0], gpuBatchSize: 6 } })
    expect(ids).toEqual(given.ids)
  })

  it('keeps percents that are given, and leaves the host out where it is told to', async () => {
    const percent = [0, 100, 0, 100, 0, 100]
    const { report } = await ranWith({ policy: { auto: true, percent, gpuBatchSize: 3, hostAttentionPercent: 0 } })
    expect(report.policy).toMatchObject({
      weights: { device: 0, ram: 100 },
      cache: { device: 0, ram: 100 },
      gpuBatchSize: 3,
      hostAttentionPercent: 0,
    })
  })

  it('assumes a card where only a host was measured, and says so', async () => {
    const { report, prediction } = await ranWith({ policy: 'auto', hardware: undefined, maxDeviceMemory: 40e6 })
    expect(report.policy.weights.device).toBeGreaterThanOrEqual(0)
    expect(prediction!.isAssumed).toBe(true)
    expect(report.notices).toContain('this card was never measured: flexgen profile does it')
  })

  it('refuses what fits in no way, naming the budget', async () => {
    await expect(ranWith({ policy: 'auto', maxDeviceMemory: 1e5 })).rejects.toThrow(
      expect.objectContaining({
        code: 'INFEASIBLE',
        message: expect.stringContaining('--max-device-memory allows 0 MB'),
      }),
    )
  })
})
