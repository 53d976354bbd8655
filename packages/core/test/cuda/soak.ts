import assert from 'node:assert/strict'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { TestKit } from '@flexgen/conformance'
import { openBench, openFixture } from '../support/bench.ts'
import type { TestedGpu } from './tested-gpu.ts'

/** All of it on the device, and some of everything everywhere. */
const percents = [
  [100, 0, 100, 0, 100, 0],
  [25, 50, 25, 50, 25, 50],
] as const

const requests = [{ promptIds: [2, 5, 9, 11] }, { promptIds: [2, 7] }, { promptIds: [3, 4, 8] }, { promptIds: [6] }]
const tokensOfRun = 40
/** Engines that are made in turn, at most. */
const engines = 24

/** What may move by itself: allocators round, and compiled code comes with use. */
const mostGrowthBytes = { device: 4 * 2 ** 20, native: 8 * 2 ** 20, heap: 4 * 2 ** 20 } as const

/** Bytes that are held between two runs. */
interface Held {
  /** As backend and tiers count. */
  readonly counted: number
  /** In use on the device, as the driver says. */
  readonly device: number
  /** Of the process, without the heap of JavaScript, which takes and gives back large pieces as it likes. */
  readonly native: number
  /** Objects of JavaScript that are still in use. */
  readonly heap: number
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/**
 * Many decode steps on engines that come and go: nothing may grow, neither what the backend counts nor what the driver and
 * the system say.
 * @param steps decode steps of each policy
 */
export function testSoak({ describe, it }: TestKit, gpu: TestedGpu, steps: number): void {
  const heldBy = (counted: number): Held => {
    collectGarbage()
    const { rss, heapTotal, heapUsed } = process.memoryUsage()
    return { counted, device: gpu.usedBytes(), native: rss - heapTotal, heap: heapUsed }
  }
  describe('a soak', () => {
    for (const percent of percents) {
      it(`${steps} decode steps under ${percent.join(' ')} let no memory grow`, async () => {
        await using opened = await openFixture()
        await using backend = await gpu.createBackend()
        const policy = { percent, gpuBatchSize: 2, numGpuBatches: 2 }
        await using bench = await openBench({ ...opened, backend, policy, pagePositions: 8 })
        const runs = Math.ceil(steps / (tokensOfRun - 1))
        const runsOfEngine = Math.ceil(runs / engines)
        const samples: Held[] = []
        let expected: unknown
        let engine = await bench.createEngine()
        for (let run = 0; run < runs; run++) {
          const results = await engine.generateAll(requests, { maxNewTokens: tokensOfRun, ignoreEos: true })
          const ids = results.map((result) => result.ids)
          expected ??= ids
          assert.deepEqual(ids, expected)
          // Loading and its end are of the soak, too.
          if ((run + 1) % runsOfEngine === 0) {
            await engine[Symbol.asyncDispose]()
            samples.push(heldBy(bench.heldBytes() + backend.memory().workspaceBytes))
            engine = await bench.createEngine()
          }
        }
        await engine[Symbol.asyncDispose]()
        const third = Math.floor(samples.length / 3)
        const most = (of: readonly Held[], kind: keyof Held): number => Math.max(...of.map((held) => held[kind]))
        const grown = (kind: keyof Held): number =>
          most(samples.slice(-third), kind) - most(samples.slice(third, -third), kind)
        const bytes = {
          counted: grown('counted'),
          device: grown('device'),
          native: grown('native'),
          heap: grown('heap'),
        }
        process.stdout.write(`# ${runs * (tokensOfRun - 1)} decode steps: grown by ${JSON.stringify(bytes)} bytes\n`)
        assert.equal(bytes.counted, 0)
        // A driver takes memory for itself in pieces of 2 MiB.
        assert.ok(bytes.device <= (gpu.isFake ? 0 : mostGrowthBytes.device), JSON.stringify(bytes))
        assert.ok(bytes.native <= mostGrowthBytes.native && bytes.heap <= mostGrowthBytes.heap, JSON.stringify(bytes))
      })
    }
  })
}
