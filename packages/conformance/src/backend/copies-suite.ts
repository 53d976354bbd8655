import assert from 'node:assert/strict'
import {
  type Backend,
  bytesOf,
  type CacheCopy,
  cachePageBytes,
  type CacheSpec,
  dtypeBytes,
  type HostBuffer,
  type QueueEvent,
  type Span,
  spanOf,
} from '@flexgen/spec'
import { assertBytes } from '../kit/assert-bytes.ts'
import { createHostBuffer } from '../kit/host-buffer.ts'
import { assertRefused } from '../kit/refusal.ts'
import { createRandom, randomBytes } from '../kit/random.ts'
import type { BackendContext } from './backend-context.ts'

/** Copies move exactly the bytes asked for, in any mix of offsets and lengths. */
export function copiesSuite({ test }: BackendContext): void {
  test('host memory is filled with zeros', async (backend) => {
    const buffer = backend.allocateHost(5001)
    assert.equal(buffer.byteLength, 5001)
    assert.equal(buffer.bytes.byteLength, 5001)
    assert.ok(buffer.bytes.every((byte) => byte === 0))
    buffer.bytes.fill(1)
  })

  test('copies of random ranges agree with a model in memory', async (backend) => {
    const random = createRandom(7)
    const sizes = [1000, 257]
    const buffers = sizes.map((size) => backend.allocate(size))
    const models = sizes.map((size, i) => randomBytes(i, size))
    const queue = backend.createQueue('copies')
    for (const [i, model] of models.entries()) queue.copyIn(spanOf(buffers[i]!), spanOf(createHostBuffer(model)))
    const checks: (() => void)[] = []
    for (let step = 0; step < 80; step++) {
      const i = random.integer(0, 1)
      const from = random.integer(0, sizes[i]! - 1)
      const length = random.integer(1, Math.min(sizes[i]! - from, 128))
      const span = spanOf(buffers[i]!, from, length)
      const pad = random.integer(0, 3)
      const host: Span<HostBuffer> = spanOf(createHostBuffer(length + pad), pad, length)
      const kind = random.integer(0, 2)
      if (kind === 0) {
        bytesOf(host).set(randomBytes(step + 50, length))
        queue.copyIn(span, host)
        models[i]!.set(bytesOf(host), from)
      } else if (kind === 1) {
        const expected = models[i]!.slice(from, from + length)
        queue.copyOut(host, span)
        checks.push(() => assertBytes(bytesOf(host), expected, `step ${step}`))
      } else {
        // To the other buffer, so that ranges never overlap.
        const to = random.integer(0, sizes[1 - i]! - length)
        queue.copy(spanOf(buffers[1 - i]!, to, length), span)
        models[1 - i]!.set(models[i]!.slice(from, from + length), to)
      }
    }
    const last = sizes.map((size, i) => {
      const host = createHostBuffer(size)
      queue.copyOut(spanOf(host), spanOf(buffers[i]!))
      return host
    })
    await queue.idle()
    for (const check of checks) check()
    for (const [i, model] of models.entries()) assertBytes(last[i]!.bytes, model, `buffer ${i}`)
  })

  test('positions of a cache row go through host pages of any size and come back', async (backend) => {
    for (const dtype of backend.capabilities.cacheDtypes)
      await copyCacheAtRandom(backend, { kvHeads: 3, headDim: 6, maxPositions: 16, dtype })
  })

  test('copies of several cache rows, as one operation where a queue has it, move whole rows and parts of them', async (backend) => {
    for (const dtype of backend.capabilities.cacheDtypes)
      await copyRowsTogether(backend, { kvHeads: 2, headDim: 8, maxPositions: 6, dtype })
  })

  test('a queue copies what another queue brought, once it waits for it', async (backend) => {
    const buffer = backend.allocate(4000)
    const source = createHostBuffer(randomBytes(3, 4000))
    const target = createHostBuffer(4000)
    const [bring, take] = [backend.createQueue('bring'), backend.createQueue('take')]
    // The copy is not the first of its queue, so that it is late.
    const ballast = spanOf(backend.allocate(4000))
    for (let i = 0; i < 20; i++) bring.copyIn(ballast, spanOf(source))
    take.wait(bring.copyIn(spanOf(buffer), spanOf(source)))
    await take.copyOut(spanOf(target), spanOf(buffer)).whenDone()
    assertBytes(target.bytes, source.bytes, 'what the other queue brought')
  })
}

/** Copies random ranges between rows and pages, and compares with arrays in the host form. */
async function copyCacheAtRandom(backend: Backend, spec: CacheSpec): Promise<void> {
  const random = createRandom(8)
  const positionBytes = dtypeBytes(spec.dtype, spec.headDim)
  const cache = backend.allocateCache(spec, 3)
  assert.equal(cache.rowCount, 3)
  assert.ok(cache.byteLength >= 3 * cachePageBytes(spec, spec.maxPositions))
  const lanes = 2 * spec.kvHeads
  const models = [0, 1, 2].map(() => new Uint8Array(lanes * spec.maxPositions * positionBytes))
  const queue = backend.createQueue('cache copies')
  const checks: (() => void)[] = []
  for (let step = 0; step < 60; step++) {
    const row = random.integer(0, 2)
    const position = random.integer(0, spec.maxPositions - 1)
    const count = random.integer(1, spec.maxPositions - position)
    const positions = count + random.integer(0, 4)
    const pagePosition = random.integer(0, positions - count)
    const pad = random.integer(0, 5)
    const pageBytes = cachePageBytes(spec, positions)
    const span = spanOf(createHostBuffer(pageBytes + pad), pad, pageBytes)
    const page = { page: { span, positions }, position: pagePosition }
    const range = { cache, row, position, count }
    const model = models[row]!
    const eachLane = (move: (inPage: number, inRow: number) => void): void => {
      for (let lane = 0; lane < lanes; lane++)
        move((lane * positions + pagePosition) * positionBytes, (lane * spec.maxPositions + position) * positionBytes)
    }
    const size = count * positionBytes
    if (random.integer(0, 1) === 0) {
      bytesOf(span).set(randomBytes(step, pageBytes))
      queue.copyToCache(range, page)
      eachLane((inPage, inRow) => model.set(bytesOf(span).subarray(inPage, inPage + size), inRow))
    } else {
      const expected = new Uint8Array(pageBytes)
      eachLane((inPage, inRow) => expected.set(model.subarray(inRow, inRow + size), inPage))
      queue.copyFromCache(page, range)
      checks.push(() =>
        assertBytes(bytesOf(span), expected, `${spec.dtype}, step ${step}: ${count} positions from ${position}`),
      )
    }
  }
  await queue.idle()
  assert.ok(checks.length > 10)
  for (const check of checks) check()
}

/** Where rows are copied from and to: from a position of the row on, from another of the page. */
interface RowPart {
  readonly position: number
  readonly pagePosition: number
  countOf(index: number): number
  readonly mayCopyRest?: boolean
}

/** Copies rows of pages that lie at equal distances, at others, and in no order, in one buffer and in several. */
async function copyRowsTogether(backend: Backend, spec: CacheSpec): Promise<void> {
  const queue = backend.createQueue('rows')
  const copy = (direction: 'toCache' | 'fromCache', copies: readonly CacheCopy[]): QueueEvent | undefined => {
    if (queue.copyCacheRows !== undefined) return queue.copyCacheRows(direction, copies)
    return copies
      .map(({ range, page }) =>
        direction === 'toCache' ? queue.copyToCache(range, page) : queue.copyFromCache(page, range),
      )
      .at(-1)
  }
  const cache = backend.allocateCache(spec, 7)
  const { maxPositions } = spec
  const pageBytes = cachePageBytes(spec, maxPositions)
  const positionBytes = dtypeBytes(spec.dtype, spec.headDim)
  const orders = [[0, 1, 2, 3, 4, 5, 6], [0, 1, 2, 4, 5, 6], [3, 2, 1, 0], [5, 0, 6], [1]]
  const start = { position: 0, pagePosition: 0 }
  const parts: RowPart[] = [
    { ...start, countOf: () => maxPositions },
    { ...start, countOf: (i) => (i % 3 === 2 ? 4 : maxPositions) },
    { ...start, countOf: () => 3 },
    { ...start, countOf: (i) => (i % 3 === 1 ? 4 : 5), mayCopyRest: true },
    { position: 4, pagePosition: 4, countOf: () => 1 },
    { position: 1, pagePosition: 2, countOf: (i) => 1 + (i % 3) },
    { ...start, countOf: () => 0 },
  ]
  let seed = 0
  for (const isApart of [false, true])
    for (const order of orders)
      for (const [p, { position, pagePosition, countOf, mayCopyRest = false }] of parts.entries()) {
        // Pages of one buffer with a gap behind the fourth, or buffers of their own, of which backends may make more than one thing.
        const pagesOf = (bytes: () => Uint8Array): Span<HostBuffer>[] => {
          if (isApart) {
            const apart = order.map(() => spanOf(hostBufferOf(backend, bytes().subarray(0, pageBytes))))
            // Upwards and downwards in memory, whichever of them it is that systems give.
            return p % 2 === 0 ? apart : apart.toReversed()
          }
          const host = hostBufferOf(backend, bytes())
          return order.map((_, i) => spanOf(host, (i + (i > 3 ? 1 : 0)) * pageBytes, pageBytes))
        }
        const size = 8 * pageBytes
        const pages = pagesOf(() => randomBytes(seed++, size))
        const back = pagesOf(() => new Uint8Array(size))
        const copies = (spans: readonly Span<HostBuffer>[]): CacheCopy[] =>
          order.map((row, i) => ({
            range: { cache, row, position, count: countOf(i) },
            page: { page: { span: spans[i]!, positions: maxPositions }, position: pagePosition },
          }))
        copy('toCache', mayCopyRest ? copies(pages).map((each) => ({ ...each, mayCopyRest })) : copies(pages))
        await copy('fromCache', copies(back))!.whenDone()
        for (const [i, page] of pages.entries()) {
          const expected = new Uint8Array(pageBytes)
          for (let lane = 0; lane < 2 * spec.kvHeads; lane++) {
            const at = (lane * maxPositions + pagePosition) * positionBytes
            expected.set(bytesOf(page).subarray(at, at + countOf(i) * positionBytes), at)
          }
          assertBytes(bytesOf(back[i]!), expected, `${spec.dtype}, rows ${order.join(' ')}, part ${p}, row ${i}`)
        }
        for (const buffer of new Set([...pages, ...back].map((span) => span.buffer))) backend.free(buffer)
      }
  if (queue.copyCacheRows !== undefined) await assertRefused('no rows', () => queue.copyCacheRows!('toCache', []))
}

/** Host memory of the backend with some bytes. */
function hostBufferOf(backend: Backend, bytes: Uint8Array): HostBuffer {
  const buffer = backend.allocateHost(bytes.byteLength)
  buffer.bytes.set(bytes)
  return buffer
}
