import { floatTensor, runKernel } from '@flexgen/conformance'
import type { LayerGraph } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { createBackendOn } from '../src/create-backend-on.ts'
import { openEngine } from '../src/engine/open-engine.ts'

const width = 1024

function graphOf(operator: 'Gelu' | 'Softmax' | 'Linear' | 'LayerNormalization', transposed = true): LayerGraph {
  const x = { name: 'x', dtype: 'float32', shape: ['batch', 'seq', width], role: 'hidden' } as const
  const vector = (name: string) => ({ name, dtype: 'float16', shape: [width], role: 'weight' }) as const
  const weights = {
    Gelu: [],
    Softmax: [],
    Linear: [{ name: 'w', dtype: 'float16', shape: [width, width], role: 'weight' } as const],
    LayerNormalization: [vector('scale'), vector('bias')],
  }[operator]
  const attributes = { transposed, epsilon: 1e-5, approximate: 'tanh' as const }
  return {
    name: operator,
    inputs: [x, ...weights],
    outputs: [{ ...x, name: 'y' }],
    caches: [],
    nodes: [{ operator, inputs: ['x', ...weights.map(({ name }) => name)], outputs: ['y'], attributes }],
  }
}

const graphs = {
  Gelu: graphOf('Gelu'),
  Softmax: graphOf('Softmax'),
  'Linear of [out, in]': graphOf('Linear'),
  'Linear of [in, out]': graphOf('Linear', false),
  LayerNormalization: graphOf('LayerNormalization'),
}

describe('memory of the WebAssembly module', () => {
  it.each(Object.entries(graphs))('%s grows it by no more than its estimate', async (_title, graph) => {
    const engine = await openEngine('wasm')
    await using backend = createBackendOn(engine, 'wasm')
    await using kernel = await backend.compile(graph)
    const [batch, seq] = [4, 1024]
    const tensor = (shape: readonly number[], dtype: 'float32' | 'float16'): ReturnType<typeof floatTensor> =>
      floatTensor(shape, new Float32Array(shape.reduce((a, b) => a * b)).fill(0.5), dtype)
    const inputs = Object.fromEntries(
      graph.inputs.map(({ name, role, shape }) => [
        name,
        role === 'weight' ? tensor(shape as number[], 'float16') : tensor([batch, seq, width], 'float32'),
      ]),
    )
    const estimate = kernel.workspaceBytes({ batch, seq, maxPositions: 0 })
    await runKernel(backend, kernel, inputs, {})
    const { workspaceBytes } = backend.memory()
    expect(workspaceBytes).toBe(engine.arena!.heldBytes())
    expect(workspaceBytes).toBeGreaterThan(4 * batch * seq * width)
    expect(workspaceBytes).toBeLessThanOrEqual(estimate)
  })

  it('refuses a run that would make it pass the limit, and leaves it as it is', async () => {
    const engine = await openEngine('wasm')
    await using backend = createBackendOn(engine, 'wasm')
    await using kernel = await backend.compile(graphs.Gelu)
    const x = floatTensor([4, 1024, width], new Float32Array(4 * 1024 * width))
    await backend.setMemoryLimit(2 * x.bytes.byteLength + 10_000_000).whenDone()
    await expect(runKernel(backend, kernel, { x }, {})).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' })
    expect(engine.arena!.heldBytes()).toBe(0)
    expect(engine.tensorCount()).toBe(0)
  })
})
