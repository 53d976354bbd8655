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

/** The reference backend, tiers over it, and a way to end them that checks that the disk is as it was. */
async function openMemory(hostVisible = true) {
  const backend = createReferenceBackend({ hostVisible })
  const offloadDir = await mkdtemp(join(tmpdir(), 'flexgen-abort-'))
  const ram = createRamTier({
    allocateHost: (bytes) => backend.allocateHost(bytes),
    freeHost: (buffer) => backend.free(buffer),
    clock: systemClock,
  })
  const disk = await createDiskTier({ offloadDir, clock: systemClock })
  const close = async (): Promise<void> => {
    await ram[Symbol.asyncDispose]()
    await disk[Symbol.asyncDispose]()
    expect(await readdir(offloadDir)).toEqual([])
    await rm(offloadDir, { recursive: true })
  }
  return { backend, ram, disk, close }
}

const requests = [{ promptIds: [2, 5, 9, 11] }, { promptIds: [2] }, { promptIds: [3, 4] }]

describe('an aborted run', () => {
  it('ends with ABORTED at whatever moment, leaves nothing, and the engine runs again', async () => {
    const fixture = loadFixture('pre-norm')
    const weights = await openCheckpoint(fixture.folder)
    const model = createOptModel(fixture.config, { tensorNames: weights.tensors.keys() })
    for (const hostVisible of [true, false]) {
      const { backend, ram, disk, close } = await openMemory(hostVisible)
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
      await close()
      const left = backend.memory()
      expect([left.deviceBytes, left.hostBytes, left.preparedBytes]).toEqual([0, 0, 0])
    }
    await weights[Symbol.asyncDispose]()
  })

  it('ends with ABORTED at once when its engine is disposed, whether it computes or its caller holds a token', async () => {
    const fixture = loadFixture('pre-norm')
    const weights = await openCheckpoint(fixture.folder)
    const model = createOptModel(fixture.config, { tensorNames: weights.tensors.keys() })
    for (const whilePaused of [false, true]) {
      const { backend, ram, disk, close } = await openMemory()
      const engine = await createEngine({
        backend,
        model,
        weights,
        ram,
        disk,
        policy: createPolicy({ gpuBatchSize: 2 }),
      })
      let tokens = 0
      let disposed: Promise<void> | undefined
      const run = async (): Promise<void> => {
        for await (const event of engine.generate(requests, { maxNewTokens: 6, ignoreEos: true })) {
          if (event.type !== 'token' || ++tokens < 3) continue
          const dispose = (): void => void (disposed = engine[Symbol.asyncDispose]())
          if (!whilePaused) setImmediate(dispose)
          else {
            dispose()
            await disposed
          }
        }
      }
      await expect(run()).rejects.toMatchObject({ code: 'ABORTED', message: 'the engine was disposed during the run' })
      await disposed
      expect(tokens).toBeLessThan(18)
      await expect(engine.generateAll(requests, { maxNewTokens: 1 })).rejects.toMatchObject({ code: 'USAGE' })
      expect(backend.memory()).toMatchObject({ deviceBytes: 0, hostBytes: 0, preparedBytes: 0 })
      await close()
    }
    await weights[Symbol.asyncDispose]()
  })

  it('also ends cleanly when the caller stops listening', async () => {
    const fixture = loadFixture('pre-norm')
    const weights = await openCheckpoint(fixture.folder)
    const model = createOptModel(fixture.config, { tensorNames: weights.tensors.keys() })
    const { backend, ram, disk, close } = await openMemory()
    const policy = createPolicy({ percent: [0, 50, 0, 50, 0, 50], gpuBatchSize: 2 })
    const engine = await createEngine({ backend, model, weights, ram, disk, policy, pagePositions: 2 })
    const held = backend.memory().hostBytes
    for await (const event of engine.generate(requests, { maxNewTokens: 6, ignoreEos: true })) {
      if (event.type === 'token' && event.position === 2) break
    }
    expect(backend.memory().hostBytes).toBe(held)
    expect(disk.stats().heldBytes).toBe(0)
    await engine[Symbol.asyncDispose]()
    await close()
    await weights[Symbol.asyncDispose]()
  })
})
