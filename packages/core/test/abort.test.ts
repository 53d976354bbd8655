import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createReferenceBackend } from '@flexgen/backend-reference'
import { openCheckpoint } from '@flexgen/checkpoint'
import { createOptModel } from '@flexgen/opt'
import { loadFixture } from '@flexgen/opt-fixtures'
import { systemClock } from '@flexgen/spec'
import { createDiskTier, createRamTier } from '@flexgen/storage'
import { describe, expect, it } from 'vitest'
import { createEngine, createPolicy } from '../src/index.ts'

const requests = [{ promptIds: [2, 5, 9, 11] }, { promptIds: [2] }, { promptIds: [3, 4] }]

describe('an aborted run', () => {
  it('ends with ABORTED at whatever moment, leaves nothing, and the engine runs again', async () => {
    const fixture = loadFixture('pre-norm')
    const weights = await openCheckpoint(fixture.folder)
    const model = createOptModel(fixture.config, { tensorNames: weights.tensors.keys() })
    const offloadDir = await mkdtemp(join(tmpdir(), 'flexgen-abort-'))
    for (const hostVisible of [true, false]) {
      const backend = createReferenceBackend({ hostVisible })
      const ram = createRamTier({
        allocateHost: (bytes) => backend.allocateHost(bytes),
        freeHost: (buffer) => backend.free(buffer),
        clock: systemClock,
      })
      const disk = await createDiskTier({ offloadDir, clock: systemClock })
      const policy = createPolicy({ percent: [30, 30, 30, 30, 30, 30], gpuBatchSize: 1, numGpuBatches: 2 })
      const engine = await createEngine({ backend, model, weights, ram, disk, policy, pagePositions: 2 })
      const expected = await engine.generateAll(requests, { maxNewTokens: 6, ignoreEos: true })
      const held = backend.memory()
      for (let turns = 0; turns < 60; turns += 3) {
        const controller = new AbortController()
        const run = engine.generateAll(requests, { maxNewTokens: 6, ignoreEos: true, signal: controller.signal })
        const ended = run.then(
          () => 'finished',
          (error: unknown) => (error as { code?: string }).code,
        )
        for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve))
        controller.abort()
        expect(await ended).toBe('ABORTED')
        const now = backend.memory()
        expect([now.deviceBytes, now.hostBytes]).toEqual([held.deviceBytes, held.hostBytes])
        expect(disk.stats().heldBytes).toBe(0)
      }
      expect(await engine.generateAll(requests, { maxNewTokens: 6, ignoreEos: true })).toEqual(expected)
      await engine[Symbol.asyncDispose]()
      await ram[Symbol.asyncDispose]()
      await disk[Symbol.asyncDispose]()
      const left = backend.memory()
      expect([left.deviceBytes, left.hostBytes, left.preparedBytes]).toEqual([0, 0, 0])
    }
    expect(await readdir(offloadDir)).toEqual([])
    await rm(offloadDir, { recursive: true })
    await weights[Symbol.asyncDispose]()
  })

  it('also ends cleanly when the caller stops listening', async () => {
    const fixture = loadFixture('pre-norm')
    const weights = await openCheckpoint(fixture.folder)
    const model = createOptModel(fixture.config, { tensorNames: weights.tensors.keys() })
    const offloadDir = await mkdtemp(join(tmpdir(), 'flexgen-abort-'))
    const backend = createReferenceBackend()
    const ram = createRamTier({
      allocateHost: (bytes) => backend.allocateHost(bytes),
      freeHost: (buffer) => backend.free(buffer),
      clock: systemClock,
    })
    const disk = await createDiskTier({ offloadDir, clock: systemClock })
    const policy = createPolicy({ percent: [0, 50, 0, 50, 0, 50], gpuBatchSize: 2 })
    const engine = await createEngine({ backend, model, weights, ram, disk, policy, pagePositions: 2 })
    const held = backend.memory().hostBytes
    for await (const event of engine.generate(requests, { maxNewTokens: 6, ignoreEos: true })) {
      if (event.type === 'token' && event.position === 2) break
    }
    expect(backend.memory().hostBytes).toBe(held)
    expect(disk.stats().heldBytes).toBe(0)
    await engine[Symbol.asyncDispose]()
    await ram[Symbol.asyncDispose]()
    await disk[Symbol.asyncDispose]()
    await rm(offloadDir, { recursive: true })
    await weights[Symbol.asyncDispose]()
  })
})
