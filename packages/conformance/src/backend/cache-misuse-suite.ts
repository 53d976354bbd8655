import { type Backend, type CacheRow, type QueueEvent, spanOf } from '@flexgen/spec'
import { createHostBuffer } from '../kit/host-buffer.ts'
import { assertRefused } from '../kit/refusal.ts'
import { attentionGraph } from './attention-scenario.ts'
import type { BackendContext } from './backend-context.ts'

const shape = { heads: 2, kvHeads: 2, headDim: 4, sparsity: 1, maxPositions: 4 }
const spec = { kvHeads: 2, headDim: 4, maxPositions: 4, dtype: 'float32' } as const

/** Runs attention of two rows of one token with the given cache binding. */
async function attend(backend: Backend, rows: readonly CacheRow[] | undefined, cacheName = 'kv'): Promise<QueueEvent> {
  const kernel = await backend.compile(attentionGraph(shape))
  const binding = kernel.createBinding()
  for (const name of ['q', 'k', 'v', 'y']) binding.set(name, spanOf(backend.allocate(64)), [2, 1, 8])
  const queue = backend.createQueue('attend')
  const put = (name: string, values: Int32Array, dimensions: readonly number[]): void => {
    const span = spanOf(backend.allocate(values.byteLength))
    queue.copyIn(span, spanOf(createHostBuffer(new Uint8Array(values.buffer))))
    binding.set(name, span, dimensions)
  }
  put('positions', new Int32Array(2), [2, 1])
  put('lengths', Int32Array.of(1, 1), [2])
  if (rows !== undefined) binding.setCache(cacheName, rows)
  const event = queue.run(kernel, binding)
  await event.whenDone()
  return event
}

/** Caches that do not fit are refused before anything is read or written. */
export function cacheMisuseSuite({ test }: BackendContext): void {
  test('attention with rows that do not fit is refused', async (backend) => {
    const cache = backend.allocateCache(spec, 2)
    const rows = [0, 1].map((row) => ({ cache, row }))
    await attend(backend, rows)
    const narrow = backend.allocateCache({ ...spec, headDim: 3 }, 2)
    await assertRefused('no cache', () => attend(backend, undefined))
    await assertRefused('an unknown cache', () => attend(backend, rows, 'nobody'))
    await assertRefused('too few rows', () => attend(backend, rows.slice(1)))
    await assertRefused('a row twice', () => attend(backend, [rows[0]!, rows[0]!]))
    await assertRefused('a row beyond the cache', () => attend(backend, [rows[0]!, { cache, row: 2 }]))
    await assertRefused('a cache of another head dim', () =>
      attend(
        backend,
        [0, 1].map((row) => ({ cache: narrow, row })),
      ),
    )
    backend.free(cache)
    await assertRefused('a freed cache', () => attend(backend, rows))
  })

  test('cache copies outside the row or the page are refused', async (backend) => {
    const cache = backend.allocateCache(spec, 2)
    const page = (
      positions: number,
      position: number,
      byteLength = 64 * positions,
    ): {
      page: { span: ReturnType<typeof spanOf<ReturnType<typeof createHostBuffer>>>; positions: number }
      position: number
    } => ({
      page: { span: spanOf(createHostBuffer(byteLength)), positions },
      position,
    })
    const queue = (): ReturnType<Backend['createQueue']> => backend.createQueue('bad')
    const bad: Readonly<
      Record<string, readonly [row: number, position: number, count: number, source: ReturnType<typeof page>]>
    > = {
      'positions beyond the row': [0, 3, 2, page(2, 0)],
      'a negative position': [0, -1, 1, page(2, 0)],
      'positions beyond the page': [0, 0, 2, page(2, 1)],
      'a page whose span is too small': [0, 0, 2, page(2, 0, 127)],
      'a row beyond the cache': [2, 0, 1, page(2, 0)],
    }
    for (const [what, [row, position, count, source]] of Object.entries(bad)) {
      await assertRefused(`${what}, in`, () => queue().copyToCache({ cache, row, position, count }, source))
      await assertRefused(`${what}, out`, () => queue().copyFromCache(source, { cache, row, position, count }))
    }
  })

  test('caches of no size are refused', async (backend) => {
    await assertRefused('no rows', () => backend.allocateCache(spec, 0))
    await assertRefused('half a row', () => backend.allocateCache(spec, 0.5))
    await assertRefused('no positions', () => backend.allocateCache({ ...spec, maxPositions: 0 }, 1))
  })
}
