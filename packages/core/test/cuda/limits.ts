import assert from 'node:assert/strict'
import { openCheckpoint } from '@flexgen/checkpoint'
import { createRandom, floatsOf, floatTensor, type Random, runKernel, type TestKit } from '@flexgen/conformance'
import { createOptModel } from '@flexgen/opt'
import { loadFixture } from '@flexgen/opt-fixtures'
import { type Backend, FlexgenError, type Kernel, type LayerGraph } from '@flexgen/spec'
import type { Engine, GenerationResult, Reallocator } from '../../src/index.ts'
import { randomPolicy, runModel } from './models.ts'

const width = 256

type Dtype = 'float32' | 'float16' | 'bfloat16'

/** Results of many sizes: a product four times as wide, whose parts are multiplied and summed up. */
function wideGraph(dtype: Dtype): LayerGraph {
  const value = (name: string, columns: number) =>
    ({ name, dtype, shape: ['batch', 'seq', columns], role: 'hidden' }) as const
  return {
    name: 'wide',
    inputs: [value('x', width), { name: 'w', dtype, shape: [4 * width, width], role: 'weight' }],
    outputs: [value('y', width)],
    caches: [],
    nodes: [
      { operator: 'Linear', inputs: ['x', 'w'], outputs: ['wide'], attributes: { transposed: true } },
      { operator: 'Silu', inputs: ['wide'], outputs: ['active'], attributes: {} },
      {
        operator: 'Split',
        inputs: ['active'],
        outputs: ['a', 'b', 'c', 'd'],
        attributes: { sizes: [width, width, width, width] },
      },
      { operator: 'Mul', inputs: ['a', 'b'], outputs: ['ab'], attributes: {} },
      { operator: 'Mul', inputs: ['c', 'd'], outputs: ['cd'], attributes: {} },
      { operator: 'Softmax', inputs: ['ab'], outputs: ['share'], attributes: {} },
      { operator: 'Mul', inputs: ['share', 'cd'], outputs: ['y'], attributes: {} },
    ],
  }
}

const idsOf = (results: readonly GenerationResult[]): readonly (readonly number[])[] => results.map(({ ids }) => ids)

/** Bytes that the limit is about. */
function limitedBytes(backend: Backend): number {
  const { deviceBytes, preparedBytes, workspaceBytes } = backend.memory()
  return deviceBytes + preparedBytes + workspaceBytes
}

/** Moves as much as there is from anywhere to anywhere. */
function randomMoves(random: Random): Reallocator {
  return {
    observe: () => undefined,
    carriedOut: () => undefined,
    reset: () => undefined,
    decide: ({ roomBytes, pinnedBytes, deviceRows, hostRows, streamedRows }) => ({
      what: 'shift',
      why: 'random',
      pinBytes: random.pick([0, roomBytes / 3, roomBytes]),
      dropBytes: random.pick([0, 0, pinnedBytes / 2, pinnedBytes]),
      promoteRows: random.integer(0, hostRows + streamedRows),
      demoteRows: random.integer(0, deviceRows),
      toHostRows: 0,
      toStreamRows: 0,
      toDiskRows: 0,
      fromDiskRows: 0,
      predictedGainSeconds: 0,
    }),
  }
}

/**
 * A limit of device memory holds for everything that is allocated, the arena of ONNX Runtime included.
 * @param driverBytes what the driver has given, beside the arena, where that can be told
 */
export function testLimits(
  { describe, it }: TestKit,
  createBackend: () => Promise<Backend>,
  dtype: Dtype,
  driverBytes: () => number = () => 0,
): void {
  const weights = floatTensor([4 * width, width], new Float32Array(4 * width * width).fill(0.01), dtype)
  const run = async (backend: Backend, kernel: Kernel, batch: number, seq: number): Promise<number> => {
    const x = floatTensor([batch, seq, width], new Float32Array(batch * seq * width).fill(0.5), dtype)
    const { y } = await runKernel(backend, kernel, { x, w: weights })
    return floatsOf(y!).at(-1)!
  }
  const runAlone = async (...how: Parameters<typeof runModel> extends [Backend, ...infer How] ? How : never) => {
    await using backend = await createBackend()
    return await runModel(backend, ...how)
  }
  /** Bytes of the buffers of a run beside its workspace. */
  const bufferBytes = (batch: number, seq: number): number =>
    weights.bytes.byteLength + (2 * batch * seq * weights.bytes.byteLength) / (4 * width)

  describe('a limit of device memory', () => {
    it('is never passed by runs of any shape in any order, and what it refuses runs once there is room', async () => {
      await using backend = await createBackend()
      await using kernel = await backend.compile(wideGraph(dtype))
      const expected = await run(backend, kernel, 1, 1)
      const random = createRandom(10)
      const [outcomes, codes] = [{ done: 0, refused: 0 }, new Set<string>()]
      let peakBytes = 0
      for (let round = 0; round < 30; round++) {
        const limit = random.pick([3, 6, 12, 24, 48]) * 2 ** 20
        await backend.setMemoryLimit(limit).whenDone()
        assert.ok(limitedBytes(backend) <= limit, `${limitedBytes(backend)} bytes are held under ${limit}`)
        for (let i = 0; i < 4; i++) {
          const [batch, seq] = [random.integer(1, 4), random.pick([1, 7, 64, 300, 1000])]
          const before = backend.memory().peakDeviceBytes
          try {
            assert.ok(Math.abs((await run(backend, kernel, batch, seq)) - expected) < 1e-2)
            outcomes.done++
          } catch (error) {
            if (!FlexgenError.isInstance(error)) throw error
            codes.add(error.code)
            outcomes.refused++
          }
          const { peakDeviceBytes } = backend.memory()
          if (peakDeviceBytes > before) assert.ok(peakDeviceBytes <= limit, `peak ${peakDeviceBytes}, limit ${limit}`)
          peakBytes = Math.max(peakBytes, peakDeviceBytes)
          assert.ok(limitedBytes(backend) <= limit, `${limitedBytes(backend)} bytes are held under ${limit}`)
        }
      }
      assert.deepEqual([...codes], ['OUT_OF_MEMORY'])
      assert.ok(outcomes.done > 25 && outcomes.refused > 10, JSON.stringify(outcomes))
      await backend.setMemoryLimit(Number.POSITIVE_INFINITY).whenDone()
      assert.ok(Math.abs((await run(backend, kernel, 4, 1000)) - expected) < 1e-2)
    })

    it('is enough where it is what a kernel says that a run needs; less is refused with what fits, to the page', async () => {
      for (const [batch, seq] of [
        [1, 1],
        [3, 200],
        [2, 1500],
      ] as const) {
        await using backend = await createBackend()
        await using kernel = await backend.compile(wideGraph(dtype))
        const limit = kernel.workspaceBytes({ batch, seq, maxPositions: 1 }) + bufferBytes(batch, seq)
        await backend.setMemoryLimit(limit).whenDone()
        for (let i = 0; i < 3; i++) await run(backend, kernel, batch, seq)
        // Smaller runs take their pieces from what the largest has left.
        const { workspaceBytes } = backend.memory()
        for (const smaller of [seq, 1, Math.ceil(seq / 3), seq]) await run(backend, kernel, batch, smaller)
        assert.equal(backend.memory().workspaceBytes, workspaceBytes)
        assert.ok(backend.memory().peakDeviceBytes <= limit)
        // What a kernel says has room for the constants of many sessions.
        await backend.setMemoryLimit(limit - 132 * 1024).whenDone()
        const refused = await run(backend, kernel, batch, seq).catch((error: FlexgenError) => error)
        assert.ok(FlexgenError.isInstance(refused) && refused.code === 'OUT_OF_MEMORY')
        const fitting = Number(/^it fits into a limit of (\d+) bytes$/.exec(String(refused.hint))![1])
        assert.ok(fitting <= limit, `${fitting} of ${limit}`)
        await backend.setMemoryLimit(fitting).whenDone()
        await run(backend, kernel, batch, seq)
        await backend.setMemoryLimit(fitting - 4096).whenDone()
        await assert.rejects(run(backend, kernel, batch, seq), { code: 'OUT_OF_MEMORY' })
      }
    })

    it('that is exactly what is planned for a model is enough for it, under any policy', async () => {
      const fixture = loadFixture('pre-norm')
      await using weights = await openCheckpoint(fixture.folder)
      const model = createOptModel(fixture.config, { tensorNames: weights.tensors.keys() })
      const random = createRandom(11)
      for (let round = 0; round < 8; round++) {
        const parts = { model, weights, dtype, ...randomPolicy(random) }
        const requests = Array.from({ length: random.integer(1, 6) }, () => ({
          promptIds: Array.from({ length: random.integer(1, 11) }, () => random.integer(3, 90)),
        }))
        const options = { maxNewTokens: 6, ignoreEos: true }
        await using backend = await createBackend()
        const free = await runModel(backend, parts, requests, options)
        for (const share of [1, 0.9, 0.7]) {
          await using limited = await createBackend()
          const maxDeviceBytes = Math.floor(share * free.report.plan.deviceBytes)
          try {
            const { results, report } = await runModel(limited, { ...parts, maxDeviceBytes }, requests, options)
            assert.ok(
              report.peakDeviceBytes <= maxDeviceBytes,
              `peak ${report.peakDeviceBytes}, limit ${maxDeviceBytes}`,
            )
            if (dtype === 'float32') assert.deepEqual(idsOf(results), idsOf(free.results))
          } catch (error) {
            // Less than what is planned may do with less look-ahead, or is refused before anything is loaded.
            if (share === 1 || !FlexgenError.isInstance(error) || error.code !== 'INFEASIBLE') throw error
          }
        }
      }
    })

    it('holds from one sweep to the next where placement follows it, whatever moves', async () => {
      const fixture = loadFixture('pre-norm')
      await using weights = await openCheckpoint(fixture.folder)
      const model = createOptModel(fixture.config, { tensorNames: weights.tensors.keys() })
      const random = createRandom(12)
      const seen = { held: 0, refused: 0, movedBytes: 0 }
      for (let round = 0; round < 8; round++) {
        const parts = { model, weights, dtype, ...randomPolicy(random) }
        const requests = Array.from({ length: 6 }, () => ({
          promptIds: Array.from({ length: random.integer(1, 11) }, () => random.integer(3, 90)),
        }))
        const options = { maxNewTokens: 12, ignoreEos: true }
        const free = await runAlone(parts, requests, options)
        const { deviceBytes } = free.report.plan
        await using limited = await createBackend()
        let limit = Math.ceil(1.3 * deviceBytes)
        const onSweep = async (engine: Engine): Promise<void> => {
          const device = Math.ceil(deviceBytes * (0.6 + random.integer(0, 70) / 100))
          try {
            await engine.setBudget({ device })
            limit = device
            seen.held++
          } catch (error) {
            if (!FlexgenError.isInstance(error) || error.code !== 'INFEASIBLE') throw error
            seen.refused++
          }
          assert.ok(limitedBytes(limited) <= limit, `${limitedBytes(limited)} bytes are held, limit ${limit}`)
          assert.ok(driverBytes() <= limit, `the driver gave ${driverBytes()} bytes, limit ${limit}`)
        }
        const replacement = { timing: 2, reallocator: randomMoves(random) } as const
        const { results, report } = await runModel(
          limited,
          { ...parts, maxDeviceBytes: limit, replacement, onSweep },
          requests,
          options,
        )
        assert.ok(report.peakDeviceBytes <= 1.3 * deviceBytes + 1, `peak ${report.peakDeviceBytes}`)
        seen.movedBytes += report.replacement!.movedCacheBytes
        if (dtype === 'float32') assert.deepEqual(idsOf(results), idsOf(free.results))
      }
      assert.ok(seen.held > 50 && seen.refused > 0 && seen.movedBytes > 0, JSON.stringify(seen))
    })
  })
}
