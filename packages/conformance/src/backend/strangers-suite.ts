import { cachePageBytes, type CachePage, type CacheSpec, spanOf } from '@flexgen/spec'
import { createHostBuffer } from '../kit/host-buffer.ts'
import { assertRefused, assertRefusedAtOnce } from '../kit/refusal.ts'
import { attentionGraph } from './attention-scenario.ts'
import type { BackendContext } from './backend-context.ts'
import { smallRun, smallShapes } from './small-kernel.ts'

const spec: CacheSpec = { kvHeads: 2, headDim: 4, maxPositions: 4, dtype: 'float32' }

/** What belongs to another backend, or to nobody any more, is refused. */
export function strangersSuite({ compare, test }: BackendContext): void {
  compare('kernels, bindings and caches of another backend are refused', async (backend, other) => {
    const [own, strange] = [await smallRun(backend), await smallRun(other)]
    const queue = (): ReturnType<typeof backend.createQueue> => backend.createQueue('strange')
    await assertRefused('a strange kernel', () => queue().run(strange.kernel, strange.binding))
    await assertRefused('a strange binding', () => queue().run(own.kernel, strange.binding))
    const cache = other.allocateCache(spec, 1)
    await assertRefused('freeing a strange cache', () => backend.free(cache))
    await assertRefused('a copy into a strange cache', () =>
      queue().copyToCache(
        { cache, row: 0, position: 0, count: 1 },
        { page: { span: spanOf(createHostBuffer(cachePageBytes(spec, 4))), positions: 4 }, position: 0 },
      ),
    )
    await using kernel = await backend.compile(attentionGraph({ heads: 2, sparsity: 1, ...spec }))
    const binding = kernel.createBinding()
    for (const name of ['q', 'k', 'v', 'y']) binding.set(name, spanOf(backend.allocate(32)), [1, 1, 8])
    binding.set('positions', spanOf(backend.allocate(4)), [1, 1])
    binding.set('lengths', spanOf(backend.allocate(4)), [1])
    await assertRefused('attention over a strange cache', () => {
      binding.setCache('kv', [{ cache, row: 0 }])
      return queue().run(kernel, binding)
    })
  })

  test('a prepared weight cannot be bound, and everything else still must', async (backend) => {
    const { kernel, spans } = await smallRun(backend)
    await using prepared = await kernel.prepare(new Map([['w', spanOf(createHostBuffer(144))]]))
    const run = (...names: ('x' | 'w' | 'b' | 'y')[]): unknown => {
      const binding = prepared.createBinding()
      for (const name of names) binding.set(name, spans[name], smallShapes[name])
      return backend.createQueue('prepared').run(prepared, binding)
    }
    await assertRefused('a prepared weight', () => run('x', 'w', 'b', 'y'))
    await assertRefused('a run without a bias', () => run('x', 'y'))
    await assertRefused('a second preparation of a weight', () =>
      prepared.prepare(new Map([['w', spanOf(createHostBuffer(144))]])),
    )
  })

  test('views of pages that do not fit are refused, or the backend has no views', async (backend) => {
    const view = backend.viewCache?.bind(backend)
    if (view === undefined) return
    const page = (positions = spec.maxPositions, byteLength = cachePageBytes(spec, positions)): CachePage => ({
      span: spanOf(backend.allocateHost(byteLength)),
      positions,
    })
    backend.free(view([page(), page()], spec))
    await assertRefused('no pages', () => view([], spec))
    await assertRefused('pages of fewer positions', () => view([page(), page(3)], spec))
    await assertRefused('a page whose span is too small', () => view([page(4, cachePageBytes(spec, 4) - 1)], spec))
    await assertRefused('pages of no heads', () => view([page()], { ...spec, kvHeads: 0 }))
    const outside = { ...page(), span: { ...page().span, byteOffset: 4 } }
    await assertRefused('a page beyond its buffer', () => view([outside], spec))
    const freed = page()
    backend.free(freed.span.buffer)
    await assertRefused('a page that was freed', () => view([freed], spec))
  })

  test('memory limits that are no sizes are refused', async (backend) => {
    for (const bytes of [-1, Number.NaN])
      assertRefusedAtOnce(`a limit of ${bytes} bytes`, () => backend.setMemoryLimit(bytes))
  })
}
