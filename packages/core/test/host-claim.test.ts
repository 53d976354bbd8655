import { createReferenceBackend } from '@flexgen/backend-reference'
import type { Backend, HostNeed } from '@flexgen/spec'
import { expect, it } from 'vitest'
import { openBench, openFixture } from './support/bench.ts'

const workload = { sequences: 3, maxPromptTokens: 4, maxNewTokens: 4 }
const requests = [{ promptIds: [2, 5, 9] }, { promptIds: [2, 7] }]
const policy = { percent: [50, 50, 0, 100, 0, 100], gpuBatchSize: 2, numGpuBatches: 2 }

/** A backend that notes what is claimed of it; undefined once the claim has ended. */
function claimedBackend(): { backend: Backend; claims: (HostNeed | undefined)[] } {
  const claims: (HostNeed | undefined)[] = []
  const reserveHost = (first: HostNeed): ReturnType<NonNullable<Backend['reserveHost']>> => {
    claims.push(first)
    return { resize: (need) => void claims.push(need), [Symbol.dispose]: () => void claims.push(undefined) }
  }
  return { backend: { ...createReferenceBackend(), reserveHost }, claims }
}

it('an engine has the KV of its workload made ready, keeps what its plan counts from run to run, and lets it go', async () => {
  await using opened = await openFixture()
  const { backend, claims } = claimedBackend()
  await using bench = await openBench({ ...opened, backend, policy, workload })
  const engine = await bench.createEngine()
  const { ram } = engine.plan
  expect(ram.cache).toBeGreaterThan(0)
  expect(claims).toEqual([{ totalBytes: ram.total, readyBytes: ram.cache }])
  await engine.generateAll(requests, { maxNewTokens: 3 })
  expect(engine.plan.ram.total).toBeLessThan(ram.total)
  await engine.generateAll(requests, { maxNewTokens: 30 })
  expect(engine.plan.ram.total).toBeGreaterThan(ram.total)
  await engine.setBudget({ ram: 2000 })
  expect(claims.slice(1)).toEqual([
    { totalBytes: ram.total, readyBytes: 0 },
    { totalBytes: engine.plan.ram.total, readyBytes: 0 },
    { totalBytes: 2000, readyBytes: 0 },
  ])
  await engine[Symbol.asyncDispose]()
  expect(claims.slice(4)).toEqual([undefined])
})

it('has nothing made ready without a workload, and ends its claim where loading fails', async () => {
  await using opened = await openFixture()
  const { backend, claims } = claimedBackend()
  await using bench = await openBench({ ...opened, backend, policy, signal: AbortSignal.abort() })
  await expect(bench.createEngine()).rejects.toMatchObject({ code: 'ABORTED' })
  expect(claims).toEqual([{ totalBytes: expect.any(Number), readyBytes: 0 }, undefined])
})
