import assert from 'node:assert/strict'
import { AbortedError, type Backend, SettableEvent, spanOf, systemClock } from '@flexgen/spec'
import { createHostBuffer } from '../kit/host-buffer.ts'
import { turnLoop } from '../kit/pause.ts'
import { assertRefused, assertRefusedAtOnce } from '../kit/refusal.ts'
import type { BackendContext } from './backend-context.ts'
import { heldBytes, limitedBytes } from './held-bytes.ts'
import { layerCache, optLikeInputs, optLikeLayer } from './opt-like-layer.ts'
import { runKernel } from './run-graph.ts'
import { smallGraph, smallRun } from './small-kernel.ts'

const spec = { kvHeads: 2, headDim: 8, maxPositions: 10, dtype: 'float32' } as const

/** What a backend says it holds is what was allocated (DESIGN, invariant 3), and a limit is kept. */
export function memorySuite({ test }: BackendContext): void {
  test('buffers and caches are counted while they live', async (backend) => {
    const before = heldBytes(backend)
    const device = backend.allocate(10_000)
    const cache = backend.allocateCache(spec, 3)
    assert.ok(backend.memory().deviceBytes - before.deviceBytes >= 10_000 + cache.byteLength)
    const host = backend.allocateHost(20_000)
    assert.ok(backend.memory().hostBytes - before.hostBytes >= 20_000)
    for (const buffer of [device, cache, host]) backend.free(buffer)
    await turnLoop()
    assert.deepEqual(heldBytes(backend), before)
    assert.ok(backend.memory().peakDeviceBytes >= 10_000 + cache.byteLength)
  })

  test('what is held is told in whole bytes, and its peak never falls', async (backend) => {
    const { kernel, binding, spans } = await smallRun(backend)
    const queue = backend.createQueue('work')
    let peakBytes = 0
    const check = (): void => {
      const stats = backend.memory()
      for (const [name, bytes] of Object.entries(stats))
        assert.ok(Number.isSafeInteger(bytes) && bytes >= 0, `${name} is ${bytes}`)
      assert.ok(stats.peakDeviceBytes >= peakBytes, 'the peak fell')
      assert.ok(stats.peakDeviceBytes >= limitedBytes(backend), 'more is held than the peak says')
      peakBytes = stats.peakDeviceBytes
    }
    check()
    await queue.run(kernel, binding).whenDone()
    check()
    const more = backend.allocate(100_000)
    check()
    for (const { buffer } of [...Object.values(spans), spanOf(more)]) backend.free(buffer)
    check()
    await kernel[Symbol.asyncDispose]()
    check()
    assert.ok(peakBytes >= 100_000)
  })

  test('a buffer freed after events stays until all have ended', async (backend) => {
    const before = heldBytes(backend)
    const gates = [new SettableEvent(), new SettableEvent()] as const
    const device = backend.allocate(10_000)
    const host = backend.allocateHost(10_000)
    const cache = backend.allocateCache(spec, 2)
    const during = heldBytes(backend)
    const queue = backend.createQueue('gated')
    queue.wait(gates[1])
    const copy = queue.copyIn(spanOf(device), spanOf(host))
    for (const buffer of [device, host, cache]) backend.free(buffer, ...gates, copy)
    // A failure ends an event, too.
    gates[0].settle(systemClock.now(), new AbortedError('made to fail'))
    await turnLoop()
    assert.deepEqual(heldBytes(backend), during)
    gates[1].settle(systemClock.now())
    await copy.whenDone()
    await turnLoop()
    assert.deepEqual(heldBytes(backend), before)
  })

  test('a prepared kernel counts what it holds until it is disposed', async (backend) => {
    await using kernel = await backend.compile(smallGraph)
    const before = heldBytes(backend)
    const weights = new Map([
      ['w', spanOf(createHostBuffer(144))],
      ['b', spanOf(createHostBuffer(24))],
    ])
    const prepared = await kernel.prepare(weights)
    assert.ok(prepared.heldBytes >= 0 && prepared.heldBytes <= kernel.preparedBytes(['w', 'b']))
    assert.equal(backend.memory().preparedBytes - before.preparedBytes, prepared.heldBytes)
    await prepared[Symbol.asyncDispose]()
    await prepared[Symbol.asyncDispose]()
    assert.deepEqual(heldBytes(backend), before)
  })

  test('the estimate of a run’s workspace is a size that does not shrink with the run', async (backend) => {
    await using kernel = await backend.compile(optLikeLayer('float32'))
    const estimates = [
      [1, 1],
      [1, 16],
      [4, 16],
    ].map(([batch, seq]) => kernel.workspaceBytes({ batch: batch!, seq: seq!, maxPositions: 64 }))
    assert.ok(estimates.every((bytes) => Number.isSafeInteger(bytes) && bytes >= 0))
    assert.ok(estimates[0]! <= estimates[1]! && estimates[1]! <= estimates[2]!)
  })

  test('a run needs no more memory than its estimate', async (backend) => {
    const [batch, seq, maxPositions] = [4, 16, 20]
    const { weightDtypes, cacheDtypes } = backend.capabilities
    const forms = (['float32', 'float16', 'bfloat16', 'q4g64', 'q4g64c'] as const)
      .filter((dtype) => weightDtypes.includes(dtype))
      .flatMap((dtype) => (['float32', 'q4g64'] as const).map((cacheDtype) => ({ dtype, cacheDtype })))
      .filter(({ cacheDtype }) => cacheDtypes.includes(cacheDtype))
    for (const { dtype, cacheDtype } of forms) {
      await using kernel = await backend.compile(optLikeLayer(dtype))
      const cache = backend.allocateCache({ ...layerCache, maxPositions, dtype: cacheDtype }, batch)
      const kv = Array.from({ length: batch }, (_, row) => ({ cache, row }))
      const estimate = kernel.workspaceBytes({ batch, seq, maxPositions, cacheDtype })
      let most = 0
      const onBound = (): void => {
        const before = backend.memory()
        most = Math.max(before.peakDeviceBytes, limitedBytes(backend) + estimate)
      }
      await runKernel(backend, kernel, optLikeInputs(dtype, batch, seq), { caches: { kv }, onBound })
      const { peakDeviceBytes } = backend.memory()
      assert.ok(
        peakDeviceBytes <= most,
        `${dtype} weights, ${cacheDtype} KV: ${peakDeviceBytes} bytes, estimated ${most}`,
      )
    }
  })

  test('allocations beyond the limit are refused until it is raised', async (backend) => {
    const { run } = await warm(backend)
    const limit = limitedBytes(backend) + 500_000
    await backend.setMemoryLimit(limit).whenDone()
    assertRefusedAtOnce('a buffer beyond the limit', () => backend.allocate(1_000_000), ['OUT_OF_MEMORY'])
    assertRefusedAtOnce('a cache beyond the limit', () => backend.allocateCache(spec, 1000), ['OUT_OF_MEMORY'])
    const small = backend.allocate(1000)
    await run()
    assert.ok(limitedBytes(backend) <= limit)
    await backend.setMemoryLimit(limitedBytes(backend) + 50_000_000).whenDone()
    backend.allocate(1_000_000)
    backend.free(small)
  })

  test('a prepared kernel beyond the limit is refused and holds nothing', async (backend) => {
    const width = 500
    const graph = {
      ...smallGraph,
      inputs: smallGraph.inputs.map((input) => ({
        ...input,
        shape: input.shape.map((dimension) => (typeof dimension === 'number' ? width : dimension)),
      })),
      outputs: smallGraph.outputs.map((output) => ({ ...output, shape: ['batch', 'seq', width] as const })),
    }
    await using kernel = await backend.compile(graph)
    if (kernel.preparedBytes(['w']) === 0) return
    const weights = new Map([['w', spanOf(createHostBuffer(4 * width * width))]])
    await backend.setMemoryLimit(limitedBytes(backend) + 100_000).whenDone()
    const before = heldBytes(backend)
    await assertRefused('preparing beyond the limit', () => kernel.prepare(weights), ['OUT_OF_MEMORY'])
    assert.deepEqual(heldBytes(backend), before)
  })

  test('a limit below what is held fails and names the least, or settles once memory is given back', async (backend) => {
    const buffer = backend.allocate(4_000_000)
    const low = backend.setMemoryLimit(1_000_000)
    await assertRefused('a limit below the buffers', () => low, ['OUT_OF_MEMORY'])
    assert.match(String(low.error), /\d/)
    const gate = new SettableEvent()
    backend.free(buffer, gate)
    const later = backend.setMemoryLimit(limitedBytes(backend) - 1_000_000)
    await turnLoop()
    assert.ok(!later.isDone() || later.error !== undefined, 'a limit settled before it was held')
    gate.settle(systemClock.now())
    await turnLoop()
    await backend.setMemoryLimit(limitedBytes(backend) + 1_000_000).whenDone()
  })
}

/** Runs a kernel once, so that what a runtime allocates at first use is there. */
async function warm(backend: Backend): Promise<{ run: () => Promise<void> }> {
  const { kernel, binding } = await smallRun(backend)
  const run = (): Promise<void> => backend.createQueue('warm').run(kernel, binding).whenDone()
  await run()
  return { run }
}
