import { setTimeout } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createFakeBackend, readFake, setFake } from './fake-cuda.ts'

const megabyte = 2 ** 20
const before = readFake('fakeRegistered')
const registered = (): number => readFake('fakeRegistered') - before

const becomes = (count: number): Promise<void> =>
  vi.waitFor(() => expect(registered()).toBe(count), { timeout: 10_000, interval: 5 })

afterEach(() => setFake('fakeFailRegister', 0))

describe('host memory that is reserved', () => {
  it('is made ready ahead up to what is reserved, taken by allocations, kept behind them, and goes with the reserve', async () => {
    await using backend = await createFakeBackend()
    const reserve = backend.reserveHost!({ totalBytes: 560 * megabyte, readyBytes: 500 * megabyte })
    await becomes(2)
    expect(backend.memory().hostBytes).toBe(0)
    const allocate = (): ReturnType<typeof backend.allocateHost> => backend.allocateHost(12 * megabyte)
    const first = Array.from({ length: 40 }, allocate)
    first[39]!.bytes.fill(1)
    // Room is left for another slab of 48 MB, and that much more is wanted.
    await becomes(3)
    for (const buffer of first) backend.free(buffer)
    expect(backend.memory().hostBytes).toBe(0)
    const second = Array.from({ length: 40 }, allocate)
    expect(second[39]!.bytes.every((byte) => byte === 0)).toBe(true)
    second[39]!.bytes.fill(1)
    backend.free(second[39]!)
    const third = backend.allocateHost(12 * megabyte, 'any')
    expect(third.bytes.every((byte) => byte === 1)).toBe(true)
    for (const buffer of [...second.slice(0, 39), third]) backend.free(buffer)
    await setTimeout(20)
    expect(registered()).toBe(3)
    reserve.resize({ totalBytes: 300 * megabyte, readyBytes: 0 })
    await becomes(1)
    reserve[Symbol.dispose]()
    reserve.resize({ totalBytes: 560 * megabyte, readyBytes: 500 * megabyte })
    await setTimeout(20)
    expect(registered()).toBe(1)
    await backend[Symbol.asyncDispose]()
    expect(registered()).toBe(0)
  })

  it('is passed by no more than what has no place in it', async () => {
    await using backend = await createFakeBackend()
    backend.reserveHost!({ totalBytes: 64 * megabyte, readyBytes: 64 * megabyte })
    await becomes(1)
    const buffers = [40, 30, 30, 30].map((size) => backend.allocateHost(size * megabyte))
    // One that was reserved, and one for each that has no room in it: none of those has room for another.
    await becomes(4)
    for (const buffer of buffers) backend.free(buffer)
    expect(backend.memory().hostBytes).toBe(0)
  })

  it('makes way for what does not fit into it', async () => {
    await using backend = await createFakeBackend()
    backend.reserveHost!({ totalBytes: 100 * megabyte, readyBytes: 50 * megabyte })
    await becomes(1)
    const buffer = backend.allocateHost(120 * megabyte)
    await becomes(1)
    backend.free(buffer)
    expect(registered()).toBe(1)
  })

  it('goes with a backend that ends before its user, while threads are at it', async () => {
    const backend = await createFakeBackend()
    const reserve = backend.reserveHost!({ totalBytes: 600 * megabyte, readyBytes: 600 * megabyte })
    await backend[Symbol.asyncDispose]()
    expect(registered()).toBe(0)
    reserve[Symbol.dispose]()
    await setTimeout(20)
    expect(registered()).toBe(0)
  })

  it('is none where memory cannot be locked, which is an error only of who must have it', async () => {
    setFake('fakeFailRegister', 1)
    await using backend = await createFakeBackend({ pageLock: true })
    const refused = readFake('fakeRefused')
    backend.reserveHost!({ totalBytes: 100 * megabyte, readyBytes: 100 * megabyte })
    // By a thread, and then by this one, which hears why.
    await vi.waitFor(() => expect(readFake('fakeRefused')).toBe(refused + 2), { timeout: 10_000, interval: 5 })
    setFake('fakeFailRegister', 0)
    const host = backend.allocateHost(3 * megabyte)
    const device = backend.allocate(3 * megabyte)
    const span = { byteOffset: 0, byteLength: 3 * megabyte }
    await backend
      .createQueue('copies')
      .copyIn({ buffer: device, ...span }, { buffer: host, ...span })
      .whenDone()
    expect(registered()).toBe(1)
  })

  it('is not made where nothing is locked', async () => {
    await using backend = await createFakeBackend({ pageLock: false })
    backend.reserveHost!({ totalBytes: 200 * megabyte, readyBytes: 200 * megabyte })
    await setTimeout(20)
    expect(registered()).toBe(0)
  })
})
