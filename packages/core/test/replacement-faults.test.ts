import { createReferenceBackend } from '@flexgen/backend-reference'
import { createFaultyFileSystem } from '@flexgen/conformance'
import { nodeFileSystem } from '@flexgen/spec'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { GenerationResult, ReplacementOptions } from '../src/index.ts'
import { openBench, type OpenedFixture, openFixture } from './support/bench.ts'
import { createFailingBackend } from './support/failing-backend.ts'

let opened: OpenedFixture
beforeAll(async () => void (opened = await openFixture()))
afterAll(() => opened[Symbol.asyncDispose]())

const requests = [[1, 2, 3], [4], [5, 6], [7, 8, 9, 10]].map((promptIds, i) => ({ promptIds, maxNewTokens: 6 + 2 * i }))
const policy = { percent: [0, 100, 0, 60, 100, 0], gpuBatchSize: 2, numGpuBatches: 2 }

async function bench(backend: ReturnType<typeof createReferenceBackend>, replacement: ReplacementOptions, parts = {}) {
  const { model, weights } = opened
  return openBench({ backend, model, weights, policy, maxDeviceBytes: 10e6, replacement, ...parts })
}

describe('faults while placement changes', () => {
  it('goes on with the same ids where the n-th frame or row finds no memory, and says so', async () => {
    const count = createFailingBackend(createReferenceBackend({ hostVisible: false }))
    await using counted = await bench(count.backend, { timing: 2 })
    await using engine = await counted.createEngine()
    const before = { ...count.calls }
    const expected = await engine.generateAll(requests, { maxNewTokens: 12 })
    expect(engine.report().replacement!.timeline.at(-1)!.pinnedBytes).toBeGreaterThan(0)
    let refusals = 0
    for (const call of ['allocate', 'allocateCache'] as const) {
      const calls = count.calls[call] - before[call]
      for (let nth = 1; nth <= calls; nth += Math.ceil(calls / 12)) {
        const failing = createFailingBackend(createReferenceBackend({ hostVisible: false }))
        await using place = await bench(failing.backend, { timing: 2 })
        const failed = await place.createEngine()
        failing.failAt(call, nth)
        const results = await failed.generateAll(requests, { maxNewTokens: 12 }).catch((error: unknown) => error)
        // What the run cannot do without ends it with a clear error; what it can do without it goes on without.
        if (Array.isArray(results)) {
          expect(results).toEqual(expected)
          const { steps } = failed.report().replacement!
          refusals += steps.filter(({ what, why }) => what === 'refused' && why.startsWith('no memory for')).length
        } else expect(results).toMatchObject({ code: 'OUT_OF_MEMORY' })
        await failed[Symbol.asyncDispose]()
        expect(place.heldBytes()).toBe(0)
      }
    }
    expect(refusals).toBeGreaterThan(0)
  })

  it('goes on, or ends with a clear error and what has finished, where any one write fails while KV moves about', async () => {
    const backend = createReferenceBackend({ hostVisible: false })
    const replacement = { timing: 2, reallocator: 'random-copy' } as const
    const run = async (nth: number): Promise<{ results: GenerationResult[]; error: unknown; writes: number }> => {
      const fileSystem = createFaultyFileSystem(nodeFileSystem, {
        faults: [{ on: 'write', nth, effect: { kind: 'error', code: 'ENOSPC' } }],
      })
      await using place = await bench(backend, replacement, { fileSystem, pagePositions: 1 })
      const engine = await place.createEngine()
      const results: GenerationResult[] = []
      let error: unknown
      try {
        for await (const event of engine.generate(requests, { maxNewTokens: 12, resultOrder: 'finish' })) {
          if (event.type === 'result') results.push(event.result)
        }
      } catch (caught) {
        error = caught
      }
      await engine[Symbol.asyncDispose]()
      expect(place.heldBytes()).toBe(0)
      expect(await place.close()).toEqual([])
      return { results, error, writes: fileSystem.calls.get('write') ?? 0 }
    }
    const clean = await run(1e9)
    expect(clean.error).toBeUndefined()
    expect(clean.writes).toBeGreaterThan(10)
    let goneOn = 0
    for (let nth = 1; nth < clean.writes; nth += Math.ceil(clean.writes / 12)) {
      const failed = await run(nth)
      for (const result of failed.results) expect(clean.results).toContainEqual(result)
      // A copy that fails is given up; what a sweep stores is lost without its disk.
      if (failed.error !== undefined) expect(failed.error).toMatchObject({ code: 'OUT_OF_DISK' })
      else goneOn += failed.results.length === clean.results.length ? 1 : 0
    }
    expect(goneOn).toBeGreaterThan(0)
  })

  it('ends at once where it is aborted while KV moves, and leaves nothing', async () => {
    const backend = createReferenceBackend({ hostVisible: false })
    await using place = await bench(backend, { timing: 2, reallocator: 'random-copy' })
    const engine = await place.createEngine()
    const stop = new AbortController()
    let sweeps = 0
    const run = async (): Promise<void> => {
      for await (const event of engine.generate(requests, { maxNewTokens: 12, signal: stop.signal })) {
        if (event.type === 'sweep' && ++sweeps === 4) stop.abort()
      }
    }
    await expect(run()).rejects.toMatchObject({ code: 'ABORTED' })
    await engine[Symbol.asyncDispose]()
    expect(place.heldBytes()).toBe(0)
    expect(await place.close()).toEqual([])
  })
})
