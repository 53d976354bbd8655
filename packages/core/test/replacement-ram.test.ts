import { createReferenceBackend } from '@flexgen/backend-reference'
import { createFaultyFileSystem, type Fault } from '@flexgen/conformance'
import { type Backend, nodeFileSystem } from '@flexgen/spec'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Decision, Engine, GenerationResult, Reallocator, ReplacementReport } from '../src/index.ts'
import { type BenchParts, openBench, type OpenedFixture, openFixture } from './support/bench.ts'
import { inNoFile } from './support/in-no-file.ts'

let opened: OpenedFixture
beforeAll(async () => void (opened = await openFixture()))
afterAll(() => opened[Symbol.asyncDispose]())

const requests = [[1, 2, 3], [4], [5, 6], [7, 8, 9, 10]].map((promptIds) => ({ promptIds, maxNewTokens: 24 }))

/** KV everywhere that it may be, beside weights in no file, which stay where they are: on a host, in RAM beside a device, on a device whose RAM has no room. */
const places = {
  'on a host': { hostVisible: true, percent: [100, 0, 100, 0, 100, 0] },
  'in RAM beside a device': { hostVisible: false, percent: [100, 0, 0, 100, 100, 0] },
  'in RAM and attended there': { hostVisible: false, percent: [100, 0, 30, 70, 100, 0], hostAttentionPercent: 100 },
} as const

/** Brings KV back from the disk, a unit a sweep, and to the device what it may; nothing else moves. */
function bringsBack(promotes: boolean): Reallocator {
  return {
    observe: () => undefined,
    carriedOut: () => undefined,
    reset: () => undefined,
    decide: ({ roomBytes, hostRows, streamedRows, diskRows, diskRoomBytes, rowBytes }): Decision => ({
      what: 'fill',
      why: 'test',
      pinBytes: 0,
      dropBytes: 0,
      promoteRows: promotes ? Math.min(hostRows + streamedRows, Math.floor(roomBytes / rowBytes)) : 0,
      demoteRows: 0,
      toHostRows: 0,
      toStreamRows: 0,
      fromDiskRows: diskRows > 0 && diskRoomBytes >= rowBytes ? 1 : 0,
      toDiskRows: 0,
      predictedGainSeconds: 0,
    }),
  }
}

/** Bytes that are taken away: half of all KV, of which no row may be left behind in part. */
const takenBytes = 60_000

interface Ran {
  readonly results: readonly GenerationResult[]
  readonly replacement: ReplacementReport
  /** What `onSweep` threw. */
  readonly errors: readonly unknown[]
  /** After every sweep: what was held, and what the report says of that moment. */
  readonly held: readonly { readonly device: number; readonly ram: number }[]
}

async function run(
  { hostVisible, ...policy }: (typeof places)[keyof typeof places],
  onSweep: (engine: Engine, sweep: number) => Promise<void>,
  parts: Partial<Pick<BenchParts, 'fileSystem' | 'maxDiskBytes' | 'replacement' | 'weights'>> = {},
): Promise<Ran> {
  const backend = createReferenceBackend({ hostVisible })
  const { model } = opened
  await using bench = await openBench({
    backend,
    host: 'hostAttentionPercent' in policy ? createReferenceBackend() : undefined,
    model,
    weights: inNoFile(opened.weights),
    policy: { ...policy, gpuBatchSize: 2, numGpuBatches: 2 },
    pagePositions: 4,
    maxRamBytes: 10e6,
    ...(hostVisible ? {} : { maxDeviceBytes: 10e6 }),
    replacement: { timing: 2, reallocator: bringsBack(false) },
    ...parts,
  })
  const results: GenerationResult[] = []
  const errors: unknown[] = []
  const held: Ran['held'][number][] = []
  const engine = await bench.createEngine()
  let sweep = 0
  for await (const event of engine.generate(requests, { maxNewTokens: 24, ignoreEos: true })) {
    if (event.type === 'result') results.push(event.result)
    if (event.type !== 'sweep') continue
    held.push(heldBy(backend, hostVisible))
    await onSweep(engine, ++sweep).catch((error: unknown) => errors.push(error))
  }
  const { replacement } = engine.report()
  await engine[Symbol.asyncDispose]()
  expect(bench.heldBytes()).toBe(0)
  expect(await bench.close()).toEqual([])
  return { results, replacement: replacement!, errors, held }
}

function heldBy(backend: Backend, hostVisible: boolean): { device: number; ram: number } {
  const { deviceBytes, hostBytes, preparedBytes } = backend.memory()
  const device = deviceBytes + preparedBytes
  return hostVisible ? { device: 0, ram: hostBytes + device } : { device, ram: hostBytes }
}

/** RAM that the run holds after some sweeps, as it plans it. */
async function ramInUse(place: (typeof places)[keyof typeof places]): Promise<number> {
  const { replacement } = await run(place, async () => undefined)
  return replacement.timeline[4]!.planned.ram
}

const nothing = async (): Promise<void> => undefined
const kinds = Object.entries(places)

describe('RAM that is taken in mid-run', () => {
  it.each(kinds)(
    'sends KV %s to the disk and brings it back, with the same ids and every limit held',
    async (_, place) => {
      const expected = await run(place, nothing)
      const inUse = await ramInUse(place)
      const less = inUse - takenBytes
      const { results, replacement, errors, held } = await run(place, async (engine, sweep) => {
        if (sweep === 5) await engine.setBudget({ ram: less })
        if (sweep === 10) await engine.setBudget({ ram: 10e6 })
      })
      expect(errors).toEqual([])
      expect(results).toEqual(expected.results)
      const { steps, timeline } = replacement
      expect(steps.filter(({ what }) => what === 'budget').map(({ why }) => why)).toEqual([
        'it has shrunk',
        'it has grown',
      ])
      expect(timeline.slice(4, 8).every(({ diskRows }) => diskRows > 0)).toBe(true)
      expect(timeline.slice(4, 8).every(({ limits }) => limits.ram === less)).toBe(true)
      expect(timeline.at(-1)!.diskRows).toBe(0)
      for (const { planned, limits } of timeline) {
        expect(planned.ram).toBeLessThanOrEqual(limits.ram!)
        if (limits.device !== undefined) expect(planned.device).toBeLessThanOrEqual(limits.device)
      }
      // The first sweep is that of the prompts, and after the last nothing is to be placed: the time line has neither.
      held.slice(1, -1).forEach(({ device, ram }, i) => {
        expect(ram).toBeLessThanOrEqual(timeline[i]!.planned.ram)
        if (!place.hostVisible) expect(device).toBeLessThanOrEqual(timeline[i]!.planned.device)
      })
      for (const { ram } of held.slice(5, 10)) expect(ram).toBeLessThanOrEqual(less)
    },
  )

  it('refuses what is below the working set before anything moves', async () => {
    for (const [, place] of kinds) {
      const expected = await run(place, nothing)
      const { results, errors, replacement } = await run(place, async (engine, sweep) => {
        if (sweep === 5) await engine.setBudget({ ram: 1000 })
      })
      expect(errors).toMatchObject([{ code: 'INFEASIBLE', message: expect.stringMatching(/cannot move/) }])
      expect(results).toEqual(expected.results)
      expect(replacement.timeline.every(({ diskRows }) => diskRows === 0)).toBe(true)
    }
  })

  it('is refused with the reason where the disk has no room, or is no place to write to, and the run goes on', async () => {
    const place = places['in RAM beside a device']
    const expected = await run(place, nothing)
    const less = (await ramInUse(place)) - takenBytes
    const shrink = async (engine: Engine, sweep: number): Promise<void> => {
      if (sweep === 5) await engine.setBudget({ ram: less })
    }
    const full = await run(place, shrink, { maxDiskBytes: 100 })
    expect(full.errors).toMatchObject([{ code: 'INFEASIBLE' }])
    expect(full.results).toEqual(expected.results)
    const fileSystem = createFaultyFileSystem(nodeFileSystem, {
      faults: [{ on: 'makeFolder', nth: 1, effect: { kind: 'error', code: 'EROFS' } }],
    })
    const readOnly = await run(place, shrink, { fileSystem })
    expect(readOnly.errors).toMatchObject([{ code: 'INFEASIBLE', message: expect.stringMatching(/write/) }])
    expect(readOnly.results).toEqual(expected.results)
  })

  it.each(kinds)('loses nothing of KV %s where any one write fails while it goes to the disk', async (_, place) => {
    const expected = await run(place, nothing)
    const less = (await ramInUse(place)) - takenBytes
    let isShrinking = false
    const attempt = async (faults: readonly Fault[]): Promise<Ran & { readonly writes: number }> => {
      const fileSystem = createFaultyFileSystem(nodeFileSystem, { faults })
      let writes = 0
      const ran = await run(
        place,
        async (engine, sweep) => {
          if (sweep !== 5) return
          isShrinking = true
          try {
            await engine.setBudget({ ram: less })
          } finally {
            isShrinking = false
            writes = fileSystem.calls.get('write') ?? 0
            // From here on there is room for everything again.
            await engine.setBudget({ ram: 10e6 })
          }
        },
        { fileSystem },
      )
      return { ...ran, writes }
    }
    const { writes } = await attempt([])
    expect(writes).toBeGreaterThan(4)
    for (let nth = 1; nth <= writes; nth += Math.ceil(writes / 6)) {
      const full = { kind: 'error', code: 'ENOSPC' } as const
      // What fails once is tried again as long as something else has moved.
      const once = await attempt([{ on: 'write', nth, effect: full }])
      expect(once.results).toEqual(expected.results)
      const forGood = await attempt([{ on: 'write', nth, times: 1000, effect: full, when: () => isShrinking }])
      expect(forGood.errors).toMatchObject([{ code: 'INFEASIBLE', message: expect.stringMatching(/ENOSPC/) }])
      expect(forGood.results).toEqual(expected.results)
    }
  })

  it('lets KV leave the device for the disk where RAM has no room for it either', async () => {
    const place = { hostVisible: false, percent: [100, 0, 100, 0, 100, 0] } as never
    const expected = await run(place, nothing)
    const { device, ram } = expected.replacement.timeline[4]!.planned
    const pinned = expected.replacement.timeline[4]!.pinnedBytes
    const { results, errors, replacement } = await run(place, async (engine, sweep) => {
      // Room for some tails, and for no row.
      if (sweep === 5) await engine.setBudget({ ram: ram + 8000, device: device - pinned + takenBytes })
    })
    expect(errors).toEqual([])
    expect(results).toEqual(expected.results)
    expect(replacement.timeline.at(-1)!.diskRows).toBeGreaterThan(0)
  })

  it('is what KV left behind when it came to the device, until something needs it; to go there again costs what has grown', async () => {
    const place = { hostVisible: false, percent: [100, 0, 100, 0, 100, 0] } as never
    const expected = await run(place, nothing)
    const { device, ram } = expected.replacement.timeline[4]!.planned
    // Pins, and about half of the KV: the rest makes way for the ring and the slots that all passes through then.
    const least = device - expected.replacement.timeline[4]!.pinnedBytes
    const moved: number[] = []
    const { results, errors, replacement } = await run(
      place,
      async (engine, sweep) => {
        if (sweep === 4 || sweep === 9) await engine.setBudget({ device: least })
        if (sweep === 6 || sweep === 11) await engine.setBudget({ device: 10e6 })
        if (sweep === 15) await engine.setBudget({ ram: ram + 1000 })
        moved.push(engine.report().replacement!.movedCacheBytes)
      },
      { replacement: { timing: 2, reallocator: bringsBack(true) } },
    )
    expect(errors).toEqual([])
    expect(results).toEqual(expected.results)
    for (const { planned, limits } of replacement.timeline) expect(planned.device).toBeLessThanOrEqual(limits.device!)
    const [first, back, again] = [moved[3]! - moved[2]!, moved[7]! - moved[3]!, moved[8]! - moved[7]!]
    expect(first).toBeGreaterThan(0)
    expect(back).toBeGreaterThanOrEqual(first)
    expect(again).toBeLessThan(first)
    expect(again).toBeGreaterThan(0)
    const { timeline } = replacement
    expect(timeline[12]!.planned.ram).toBeGreaterThan(ram + 1000)
    expect(timeline.at(-1)!.planned.ram).toBeLessThanOrEqual(ram + 1000)
    expect(timeline.at(-1)!).toMatchObject({ hostRows: 0, streamedRows: 0, diskRows: 0 })
  })

  it('drops weights of a host first, which are read from the checkpoint then, and keeps them again when RAM comes back', async () => {
    const place = { hostVisible: true, percent: [0, 100, 100, 0, 100, 0] } as never
    const read: number[] = []
    const note = (engine: Engine): void => void read.push(engine.report().sweeps.at(-1)!.diskBytesRead.weights)
    const { weights } = opened
    const expected = await run(place, async (engine) => note(engine), { weights })
    // All that rests in RAM was there before the first sweep.
    expect(read.every((bytes) => bytes === 0)).toBe(true)
    const { planned, pinnedBytes } = expected.replacement.timeline[4]!
    expect(pinnedBytes).toBeGreaterThan(200_000)
    read.length = 0
    const { results, errors, replacement } = await run(
      place,
      async (engine, sweep) => {
        if (sweep === 5) await engine.setBudget({ ram: planned.ram - pinnedBytes / 4 })
        if (sweep === 10) await engine.setBudget({ ram: 10e6 })
        note(engine)
      },
      { weights, replacement: { timing: 2 } },
    )
    expect(errors).toEqual([])
    expect(results).toEqual(expected.results)
    expect(read.slice(6, 10).every((bytes) => bytes >= pinnedBytes / 4)).toBe(true)
    expect(read.slice(13).every((bytes) => bytes === 0)).toBe(true)
    for (const { planned: now, limits } of replacement.timeline) expect(now.ram).toBeLessThanOrEqual(limits.ram!)
    expect(replacement.timeline.every(({ diskRows }) => diskRows === 0)).toBe(true)
  })
})
