import { createFaultyFileSystem, type Fault, type FileCall } from '@flexgen/conformance'
import { createOnnxRuntimeBackend } from '@flexgen/backend-onnxruntime'
import { createReferenceBackend } from '@flexgen/backend-reference'
import { openCheckpoint } from '@flexgen/checkpoint'
import { type Backend, type FileSystem, nodeFileSystem } from '@flexgen/spec'
import { cp, mkdtemp, rm, stat, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { openBench, openFixture } from './support/bench.ts'
import { createFailingBackend, type TakingCall, takingCalls } from './support/failing-backend.ts'
import { endOf, outcomeOf, type Outcome } from './support/run-outcome.ts'

// Two blocks, ragged, some of everything on every tier, sequences that end early: tails, pages, slots, rings all work.
const policy = { percent: [25, 25, 25, 25, 25, 25], gpuBatchSize: 2, numGpuBatches: 2 }
const requests = [
  { promptIds: [2, 5, 9, 11, 40] },
  { promptIds: [2, 7] },
  { promptIds: [3, 4, 8], maxNewTokens: 2 },
  { promptIds: [2] },
  { promptIds: [9, 17, 33, 2] },
]
const options = { maxNewTokens: 5, ignoreEos: true }

const opened = await openFixture()
const { model, weights } = opened
afterAll(() => opened[Symbol.asyncDispose]())

/** At most `limit` numbers from 1 to `count`, spread evenly. */
function spread(count: number, limit: number): number[] {
  const step = Math.max(1, count / limit)
  return Array.from({ length: Math.min(count, limit) }, (_, i) => 1 + Math.floor(i * step))
}

/** How loading and two runs ended, and what they left. */
interface Ends {
  readonly end: string
  readonly results: readonly unknown[]
  /** The second run of the same engine; undefined where loading failed. */
  readonly again: Outcome | undefined
  /** What the engine still held between two runs beyond what it held before the first. */
  readonly grownBytes: number
  readonly leftBytes: number
  readonly leftFolders: readonly string[]
}

/** Loads, runs twice and disposes; `ready` is called when the tiers are there. */
async function runTwice(backend: Backend, fileSystem: FileSystem, ready: () => void = () => {}): Promise<Ends> {
  await using bench = await openBench({ backend, model, weights, policy, pagePositions: 2, fileSystem })
  ready()
  const loading = bench.createEngine()
  const end = await endOf(loading)
  if (end !== 'ok') {
    const leftBytes = bench.heldBytes()
    return { end, results: [], again: undefined, grownBytes: 0, leftBytes, leftFolders: await bench.close() }
  }
  const engine = await loading
  const heldBytes = bench.heldBytes()
  const outcome = await outcomeOf(engine, requests, options)
  const grownBytes = bench.heldBytes() - heldBytes
  const again = await outcomeOf(engine, requests, options)
  await engine[Symbol.asyncDispose]()
  return { ...outcome, again, grownBytes, leftBytes: bench.heldBytes(), leftFolders: await bench.close() }
}

const nothingLeft = { grownBytes: 0, leftBytes: 0, leftFolders: [] }

/** The results that came before the end are those of the undisturbed run. */
function areAmong(results: readonly unknown[], all: readonly unknown[]): boolean {
  const known = new Set(all.map((result) => JSON.stringify(result)))
  return results.every((result) => known.has(JSON.stringify(result)))
}

for (const hostVisible of [true, false]) {
  describe(hostVisible ? 'on a host-visible backend' : 'on a device with memory of its own', () => {
    const kinds: { on: FileCall; code: string; ends: string[] }[] = [
      { on: 'read', code: 'EIO', ends: ['READ_FAILED'] },
      { on: 'write', code: 'ENOSPC', ends: ['OUT_OF_DISK'] },
      { on: 'write', code: 'EIO', ends: ['NOT_WRITABLE'] },
    ]
    it.each(kinds)('ends with $ends whichever $on fails with $code, and runs again', async ({ on, code, ends }) => {
      const counted = createFaultyFileSystem(nodeFileSystem, { faults: [] })
      const clean = await runTwice(createReferenceBackend({ hostVisible }), counted)
      expect(clean).toMatchObject({ end: 'ok', again: { end: 'ok', results: clean.results }, ...nothingLeft })
      // Half of the calls belong to the second run.
      const count = Math.floor((counted.calls.get(on) ?? 0) / 2)
      expect(count).toBeGreaterThan(10)
      for (const nth of spread(count, 40)) {
        const fault: Fault = { on, nth, effect: { kind: 'error', code } }
        const fileSystem = createFaultyFileSystem(nodeFileSystem, { faults: [fault] })
        const run = await runTwice(createReferenceBackend({ hostVisible }), fileSystem)
        expect({ nth, injected: fileSystem.injectedCount(), open: fileSystem.openCount() }).toEqual({
          nth,
          injected: 1,
          open: 0,
        })
        expect({ nth, ends: ends.includes(run.end), end: run.end }).toEqual({ nth, ends: true, end: run.end })
        expect({ nth, ...run }).toMatchObject({ nth, ...nothingLeft })
        expect(areAmong(run.results, clean.results)).toBe(true)
        if (run.again !== undefined) expect({ nth, ...run.again }).toEqual({ nth, end: 'ok', results: clean.results })
      }
    })

    it('gives the same results where every read and write is short, and some are late', async () => {
      const clean = await runTwice(createReferenceBackend({ hostVisible }), nodeFileSystem)
      const faults: Fault[] = [
        { on: 'read', effect: { kind: 'short', sizeBytes: 1000 } },
        { on: 'write', effect: { kind: 'short', sizeBytes: 100 } },
        ...spread(300, 40).flatMap((nth): Fault[] => [
          { on: 'read', nth, effect: { kind: 'delay', durationMs: 3 } },
          { on: 'write', nth, effect: { kind: 'delay', durationMs: 3 } },
        ]),
      ]
      const fileSystem = createFaultyFileSystem(nodeFileSystem, { faults })
      const run = await runTwice(createReferenceBackend({ hostVisible }), fileSystem)
      expect(fileSystem.injectedCount()).toBeGreaterThan(300)
      expect(run).toEqual(clean)
    })

    it('ends with a data error where the checkpoint is cut off under the run', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'flexgen-cut-'))
      const file = join(folder, 'model.safetensors')
      await cp(opened.fixture.folder, folder, { recursive: true })
      await using source = await openCheckpoint(folder)
      await using bench = await openBench({
        backend: createReferenceBackend({ hostVisible }),
        model,
        weights: source,
        policy: { percent: [0, 0, 100, 0, 100, 0], gpuBatchSize: 2 },
      })
      await using engine = await bench.createEngine()
      const heldBytes = bench.heldBytes()
      expect((await outcomeOf(engine, requests, options)).end).toBe('ok')
      await truncate(file, (await stat(file)).size / 2)
      const cut = await outcomeOf(engine, requests, options)
      expect(['CORRUPT_DATA', 'READ_FAILED']).toContain(cut.end)
      expect(bench.heldBytes()).toBe(heldBytes)
      await rm(folder, { recursive: true })
    })

    it.each(takingCalls)('ends with OUT_OF_MEMORY whichever %s finds none, and runs again', async (call) => {
      const failures = await failEach(call, () => createReferenceBackend({ hostVisible }), 25)
      // A device with memory of its own has no views.
      expect(failures > 0).toBe(hostVisible || call !== 'viewCache')
    })
  })
}

describe('on ONNX Runtime', () => {
  it.each(takingCalls)('ends with OUT_OF_MEMORY whichever %s finds none, and runs again', async (call) => {
    expect(await failEach(call, () => createOnnxRuntimeBackend({ threads: 1 }), 8)).toBeGreaterThan(0)
  })
})

/** Lets the calls of one kind fail in turn, `limit` of them at most. @returns how many have failed */
async function failEach(call: TakingCall, create: () => Backend | Promise<Backend>, limit: number): Promise<number> {
  await using countedBackend = await create()
  const counting = createFailingBackend(countedBackend)
  const clean = await runTwice(counting.backend, nodeFileSystem)
  expect(clean).toMatchObject({ end: 'ok', ...nothingLeft })
  const calls = spread(counting.calls[call], limit)
  for (const nth of calls) {
    await using backend = await create()
    const failing = createFailingBackend(backend)
    const run = await runTwice(failing.backend, nodeFileSystem, () => failing.failAt(call, nth))
    // The failing call may belong to the second run.
    const all = [run.end, run.again?.end].filter((end) => end !== undefined && end !== 'ok')
    expect({ call, nth, all }).toEqual({ call, nth, all: ['OUT_OF_MEMORY'] })
    expect({ call, nth, ...run }).toMatchObject({ call, nth, ...nothingLeft })
    expect(areAmong(run.results, clean.results)).toBe(true)
    if (run.end !== 'ok' && run.again !== undefined) expect(run.again.results).toEqual(clean.results)
  }
  return calls.length
}
