import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { inspect } from 'node:util'
import { createOnnxRuntimeCudaBackend } from '@flexgen/backend-onnxruntime'
import type { TestKit } from '@flexgen/conformance'
import { FlexgenError, systemClock } from '@flexgen/spec'
import { createDiskTier } from '@flexgen/storage'
import { openBench, openFixture } from '../support/bench.ts'
import { endOf, outcomeOf } from '../support/run-outcome.ts'
import { type Child, startChild } from './child.ts'
import type { TestedGpu } from './tested-gpu.ts'

/** Some of everything on every tier, so that every part allocates, copies and waits. */
const policy = { percent: [25, 25, 25, 25, 25, 25], gpuBatchSize: 2, numGpuBatches: 2 }
const requests = [{ promptIds: [2, 5, 9, 11, 40] }, { promptIds: [2, 7] }, { promptIds: [3, 4, 8] }]
const options = { maxNewTokens: 6, ignoreEos: true }

/** Allocations that go well before one fails. */
const stepCounts = [0, 1, 2, 3, 4, 6, 8, 11, 16, 24, 36, 54, 80, 120, 180]

/** What goes wrong beside a run or under it: no memory, no library, no GPU, an abort, a kill. */
export function testFaults({ describe, it }: TestKit, gpu: TestedGpu): void {
  describe('faults', () => {
    it('no memory at any point is OUT_OF_MEMORY, nothing hangs or stays, and the next run goes on', async () => {
      await using opened = await openFixture()
      await using backend = await gpu.createBackend()
      const ends = new Set<string>()
      const others: string[] = []
      for (const steps of stepCounts) {
        await using bench = await openBench({ ...opened, backend, policy, pagePositions: 2 })
        const end = gpu.starve(steps)
        const noteOther = (error: unknown): void => {
          const isMemory = FlexgenError.isInstance(error) && error.code === 'OUT_OF_MEMORY'
          if (!isMemory) others.push(`after ${steps} steps: ${inspect(error)}`)
        }
        try {
          const loading = bench.createEngine()
          const loaded = await endOf(loading, noteOther)
          ends.add(loaded)
          if (loaded === 'ok') {
            const engine = await loading
            const outcome = await outcomeOf(engine, requests, options, noteOther)
            ends.add(outcome.end)
            end()
            const problems: unknown[] = []
            const { end: after } = await outcomeOf(engine, requests, options, (error) => problems.push(error))
            assert.equal(after, 'ok', `after a failure at step ${steps}: ${inspect(problems)}`)
            await engine[Symbol.asyncDispose]()
          }
        } finally {
          end()
        }
        const { deviceBytes, preparedBytes } = backend.memory()
        assert.deepEqual([deviceBytes, preparedBytes, bench.heldBytes()], [0, 0, 0], `at step ${steps}`)
      }
      assert.deepEqual(others, [])
      assert.deepEqual([...ends].toSorted(), ['OUT_OF_MEMORY', 'ok'])
    })

    it('an abort at any moment is ABORTED, leaves what was held before, and the next run gives the same', async () => {
      await using opened = await openFixture()
      await using backend = await gpu.createBackend()
      await using bench = await openBench({ ...opened, backend, policy, pagePositions: 2 })
      const engine = await bench.createEngine()
      const expected = await engine.generateAll(requests, options)
      const held = bench.heldBytes()
      for (let turns = 0; turns < 60; turns += 3) {
        const controller = new AbortController()
        const ended = endOf(engine.generateAll(requests, { ...options, signal: controller.signal }))
        for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve))
        controller.abort()
        assert.equal(await ended, 'ABORTED')
        assert.equal(bench.heldBytes(), held)
      }
      assert.deepEqual(await engine.generateAll(requests, options), expected)
      await engine[Symbol.asyncDispose]()
    })

    it('a run that is killed leaves no memory on the device, and its files go with the next run', async () => {
      const offloadDir = await mkdtemp(path.join(tmpdir(), 'flexgen-killed-'))
      const before = gpu.usedBytes()
      const child = startChild(gpu, ['run', offloadDir])
      await child.said('running')
      assert.notDeepEqual(await readdir(offloadDir), [])
      child.kill('SIGKILL')
      await child.ended
      for (let waitedMs = 0; gpu.usedBytes() > before && waitedMs < 10_000; waitedMs += 100) await setTimeout(100)
      assert.ok(gpu.usedBytes() <= before, `${gpu.usedBytes() - before} bytes more are in use on the device`)
      const disk = await createDiskTier({ offloadDir, clock: systemClock })
      await disk[Symbol.asyncDispose]()
      assert.deepEqual(await readdir(offloadDir), [])
      await rm(offloadDir, { recursive: true })
    })

    it('a driver that shows no GPU, or a library that is none, makes the backend unavailable, and says why', async () => {
      const child: Child = startChild(gpu, ['open'], { CUDA_VISIBLE_DEVICES: '' })
      await child.ended
      assert.match(child.output(), /^BACKEND_UNAVAILABLE: (the NVIDIA driver finds no GPU|there is no GPU 0)/)
      const folder = await mkdtemp(path.join(tmpdir(), 'flexgen-library-'))
      const library = path.join(folder, 'libonnxruntime.so.1.30.0')
      const open = (libraryPath: string): Promise<unknown> =>
        createOnnxRuntimeCudaBackend({ ...gpu.driver, libraryPath })
      const unavailable = { code: 'BACKEND_UNAVAILABLE' }
      await assert.rejects(open(library), { ...unavailable, message: /looked in .*flexgen-library-/ })
      await writeFile(library, 'no library')
      await assert.rejects(open(library), { ...unavailable, message: /no ONNX Runtime with a CUDA provider.*1\.30\.0/ })
      await writeFile(path.join(folder, 'libonnxruntime_providers_cuda.so'), 'no library')
      await assert.rejects(open(library), { ...unavailable, message: /1\.30\.0 cannot be loaded/ })
      await assert.rejects(createOnnxRuntimeCudaBackend({ driverPath: library }), {
        ...unavailable,
        message: /library of the NVIDIA driver/,
      })
      await rm(folder, { recursive: true })
    })
  })
}
