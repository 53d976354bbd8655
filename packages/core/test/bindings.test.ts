import { createReferenceBackend } from '@flexgen/backend-reference'
import type { Backend, Binding, Kernel } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { openBench, openFixture } from './support/bench.ts'

/** Calls `onChange` where a binding gets another span, shape or row than it has. */
function watched(backend: Backend, onChange: (name: string) => void): Backend {
  const watchBinding = (binding: Binding): Binding => {
    const bound = new Map<string, readonly unknown[]>()
    const note = (name: string, values: readonly unknown[]): void => {
      const before = bound.get(name)
      if (before?.length !== values.length || before.some((value, i) => value !== values[i])) onChange(name)
      bound.set(name, values)
    }
    const [set, setCache] = [binding.set.bind(binding), binding.setCache.bind(binding)]
    return Object.assign(binding, {
      set: (...[name, span, shape]: Parameters<Binding['set']>) => {
        note(name, [span.buffer, span.byteOffset, span.byteLength, ...shape])
        set(name, span, shape)
      },
      setCache: (...[name, rows]: Parameters<Binding['setCache']>) => {
        note(
          name,
          rows.flatMap(({ cache, row }) => [cache, row]),
        )
        setCache(name, rows)
      },
    } satisfies Pick<Binding, 'set' | 'setCache'>)
  }
  const watchKernel = <Made extends Kernel>(kernel: Made): Made => {
    const [prepare, createBinding] = [kernel.prepare.bind(kernel), kernel.createBinding.bind(kernel)]
    return Object.assign(kernel, {
      prepare: async (...given: Parameters<Kernel['prepare']>) => watchKernel(await prepare(...given)),
      createBinding: () => watchBinding(createBinding()),
    })
  }
  return { ...backend, compile: async (graph) => watchKernel(await backend.compile(graph)) }
}

describe('what kernels bind', () => {
  it.each([
    [true, 1],
    [true, 2],
    [false, 1],
    [false, 2],
  ])('stays from sweep to sweep where nothing moves (sep-layer %s, %i batches)', async (sepLayer, numGpuBatches) => {
    await using opened = await openFixture()
    let changes: string[] = []
    const backend = watched(createReferenceBackend({ hostVisible: false }), (name) => void changes.push(name))
    const policy = { percent: [100, 0, 100, 0, 100, 0], gpuBatchSize: 2, numGpuBatches, sepLayer }
    await using bench = await openBench({ ...opened, backend, policy })
    await using engine = await bench.createEngine()
    const requests = [[2, 5, 9], [7, 4], [3]].slice(0, 2 * numGpuBatches).map((promptIds) => ({ promptIds }))
    const perSweep: (readonly string[])[] = []
    for await (const event of engine.generate(requests, { maxNewTokens: 5, ignoreEos: true })) {
      if (event.type !== 'sweep') continue
      perSweep.push(changes)
      changes = []
    }
    expect(perSweep[0]).toContain('ids')
    expect(perSweep.slice(2)).toEqual([[], [], []])
  })
})
