import { type Backend, elementCount, type LayerGraph, SettableEvent, spanOf } from '@flexgen/spec'
import { createHostBuffer, floatsOf, floatTensor, runGraph, type TensorData } from '@flexgen/conformance'
import { afterEach, describe, expect, it } from 'vitest'
import { createOnnxRuntimeCudaBackend } from '../../src/index.ts'
import { createFakeBackend, fakeDriverPath, readFake, setFake } from './fake-cuda.ts'

afterEach(() => {
  setFake('fakeDeviceCount', 1)
  setFake('fakeLateQueries', 2)
  setFake('fakeFailAllocation', 0)
  setFake('fakeFailRegister', 0)
  setFake('fakeFailProduct', 0)
})

const spec = { kvHeads: 2, headDim: 8, maxPositions: 10, dtype: 'float32' } as const

describe('a CUDA backend', () => {
  it('gives all device memory, streams, events and page-locked memory back', async () => {
    const left = (): number[] => [
      readFake('fakeDeviceBytes'),
      readFake('fakeHandles'),
      readFake('fakeProductHandles'),
      readFake('fakeRegistered'),
    ]
    const before = left()
    const backend = await createFakeBackend()
    const device = backend.allocate(3 * 2 ** 20)
    const host = backend.allocateHost(3 * 2 ** 20)
    backend.allocateCache(spec, 1)
    backend.allocateCache(spec, 5)
    host.bytes.fill(7)
    await backend.createQueue('in').copyIn(spanOf(device), spanOf(host)).whenDone()
    expect(readFake('fakeRegistered')).toBeGreaterThan(0)
    backend.free(host)
    await backend[Symbol.asyncDispose]()
    expect(left()).toEqual(before)
  })

  it('copies wait until page-locked memory is there, and large ones go in pieces', async () => {
    await using backend = await createFakeBackend()
    const size = 20 * 2 ** 20 + 5
    const host = backend.allocateHost(size)
    host.bytes.fill(3)
    host.bytes[size - 1] = 9
    const device = backend.allocate(size)
    const queue = backend.createQueue('copies')
    queue.copyIn(spanOf(device), spanOf(host))
    const target = createHostBuffer(size)
    await queue.copyOut(spanOf(target), spanOf(device)).whenDone()
    expect(Buffer.compare(target.bytes, host.bytes)).toBe(0)
  })

  it('a queue that was held back waits for the copy that it was told to, not for those behind it', async () => {
    await using backend = await createFakeBackend()
    const [device, host] = [backend.allocate(64), backend.allocateHost(64)]
    const [stores, loads] = [backend.createQueue('stores'), backend.createQueue('loads')]
    // Their memory is page-locked from here on.
    await stores.copyOut(spanOf(host), spanOf(device)).whenDone()
    await loads.copyIn(spanOf(device), spanOf(host)).whenDone()
    setFake('fakeLateQueries', 100)
    const [read, laterRead] = [new SettableEvent(), new SettableEvent()]
    loads.wait(read)
    loads.wait(stores.copyOut(spanOf(host), spanOf(device)))
    const loaded = loads.copyIn(spanOf(device), spanOf(host))
    for (let i = 0; i < 3; i++) stores.copyOut(spanOf(host), spanOf(device))
    read.settle(0)
    expect(readFake('fakeAwaitedCopies')).toBe(2)
    // Also where that copy was held back itself.
    stores.wait(laterRead)
    const stored = stores.copyOut(spanOf(host), spanOf(device))
    stores.copyOut(spanOf(host), spanOf(device))
    loads.wait(stored)
    const loadedLater = loads.copyIn(spanOf(device), spanOf(host))
    laterRead.settle(0)
    expect(readFake('fakeAwaitedCopies')).toBe(6)
    setFake('fakeLateQueries', 2)
    await Promise.all([loaded.whenDone(), loadedLater.whenDone()])
  })

  it.each([1, 2, 3])(
    'refuses the %i. allocation that fails, with the text of the driver, and counts nothing',
    async (n) => {
      await using backend = await createFakeBackend()
      const allocations = [
        () => backend.allocate(1000),
        () => backend.allocateCache(spec, 4),
        () => backend.allocateCache(spec, 1),
      ]
      setFake('fakeFailAllocation', n)
      for (const [i, allocate] of allocations.entries()) {
        const before = backend.memory().deviceBytes
        if (i + 1 !== n) allocate()
        else {
          expect(allocate).toThrow(expect.objectContaining({ code: 'OUT_OF_MEMORY' }))
          expect(allocate).not.toThrow()
        }
        expect(backend.memory().deviceBytes).toBeGreaterThan(before)
      }
    },
  )

  it('keeps a row that was freed for the next one, until somebody else wants its memory', async () => {
    await using backend = await createFakeBackend()
    const row = { dtype: 'float32', kvHeads: 1, headDim: 256, maxPositions: 1024 } as const
    const rowBytes = 2 * 1024 * 256 * 4
    const [stays, goes] = [backend.allocateCache(row, 1), backend.allocateCache(row, 1)]
    const both = readFake('fakeDeviceBytes')
    backend.free(goes)
    expect(readFake('fakeDeviceBytes')).toBe(both)
    expect(backend.memory()).toMatchObject({ deviceBytes: rowBytes, workspaceBytes: expect.any(Number) })
    // The next of its size gets it, without asking the driver.
    setFake('fakeFailAllocation', 1)
    backend.free(backend.allocateCache(row, 1))
    // Where the driver has nothing left it is given back, and the driver is asked again.
    const other = backend.allocate(1000)
    expect(readFake('fakeDeviceBytes')).toBe(both - rowBytes + 1000)
    backend.free(backend.allocateCache({ ...row, maxPositions: 512 }, 1))
    // One of another size takes its place, a limit leaves no room for it, and the last row takes it along.
    backend.free(backend.allocateCache(row, 1))
    expect(readFake('fakeDeviceBytes')).toBe(both + 1000)
    await backend.setMemoryLimit(rowBytes + 64 * 1024).whenDone()
    expect(readFake('fakeDeviceBytes')).toBe(both - rowBytes + 1000)
    await backend.setMemoryLimit(Number.POSITIVE_INFINITY).whenDone()
    backend.free(backend.allocateCache(row, 1))
    backend.free(stays)
    expect(readFake('fakeDeviceBytes')).toBe(both - 2 * rowBytes + 1000)
    backend.free(other)
  })

  it.each([100, 3 * 2 ** 20])(
    'copies %i bytes from memory that cannot be page-locked, and says so; where it must be, the copy or the allocation fails',
    async (size) => {
      setFake('fakeFailRegister', 1)
      const copyOn = async (backend: Backend): Promise<void> => {
        const host = backend.allocateHost(size)
        host.bytes.fill(3)
        const [device, target] = [backend.allocate(size), createHostBuffer(size)]
        const queue = backend.createQueue('copies')
        queue.copyIn(spanOf(device), spanOf(host))
        await queue.copyOut(spanOf(target), spanOf(device)).whenDone()
        expect(target.bytes.every((byte) => byte === 3)).toBe(true)
      }
      await using tolerant = await createFakeBackend()
      await copyOn(tolerant)
      expect(tolerant.notices).toEqual([expect.stringMatching(/cannot be page-locked, so copies are slow: .*\(800\)/)])
      await using strict = await createFakeBackend({ pageLock: true })
      await expect(copyOn(strict)).rejects.toMatchObject({
        code: 'BACKEND_UNAVAILABLE',
        message: expect.stringMatching(
          /bytes of host memory cannot be page-locked: CUDA cannot host register: .*\(800\)/,
        ),
        hint: expect.stringContaining('ulimit -l'),
      })
      await using without = await createFakeBackend({ pageLock: false })
      const before = readFake('fakeRegistered')
      await copyOn(without)
      expect(readFake('fakeRegistered')).toBe(before)
      expect(without.notices).toEqual(['host memory is not page-locked, as asked for, so copies are slow'])
    },
  )

  it('is unavailable where the driver finds no GPU, or has no library', async () => {
    setFake('fakeDeviceCount', 0)
    await expect(createFakeBackend()).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: 'there is no GPU 0: the NVIDIA driver finds 0',
    })
    await expect(createOnnxRuntimeCudaBackend({ driverPath: '/nowhere/libcuda.so.1' })).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: 'the library of the NVIDIA driver, /nowhere/libcuda.so.1, cannot be loaded',
    })
  })

  it('is unavailable where ONNX Runtime has no CUDA provider beside it', async () => {
    await expect(createOnnxRuntimeCudaBackend({ driverPath: fakeDriverPath() })).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringContaining('there is no ONNX Runtime with a CUDA provider'),
      hint: expect.stringContaining('pip install'),
    })
  })

  it.each([
    [3, 'OUT_OF_MEMORY', 'CUBLAS_STATUS_INVALID_VALUE'],
    [15, 'UNSUPPORTED_DATA', 'CUBLAS_STATUS_NOT_SUPPORTED'],
  ])(
    'a product that cuBLASLt refuses with %i fails with its text, and the next run gives numbers',
    async (status, code, text) => {
      await using backend = await createFakeBackend()
      const graph: LayerGraph = {
        name: 'product',
        inputs: [
          { name: 'x', dtype: 'float32', shape: ['batch', 'seq', 4], role: 'hidden' },
          { name: 'w', dtype: 'float32', shape: [4, 4], role: 'weight' },
        ],
        outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 'seq', 4], role: 'hidden' }],
        caches: [],
        nodes: [{ operator: 'Linear', inputs: ['x', 'w'], outputs: ['y'], attributes: { transposed: true } }],
      }
      const ones = (...shape: number[]): TensorData =>
        floatTensor(shape, new Float32Array(elementCount(shape)).fill(1), 'float32')
      const run = (batch: number): Promise<Record<string, TensorData>> =>
        runGraph(backend, graph, { x: ones(batch, 2, 4), w: ones(4, 4) })
      await run(2)
      const handles = readFake('fakeProductHandles')
      setFake('fakeFailProduct', status)
      await expect(run(3)).rejects.toMatchObject({ code, message: expect.stringContaining(text) as string })
      expect(readFake('fakeProductHandles')).toBe(handles)
      const { y } = await run(3)
      expect([...floatsOf(y!)]).toEqual(Array.from({ length: 24 }, () => 4))
    },
  )

  it('keeps rows that come one by one side by side, and gives their memory back with the last', async () => {
    await using backend = await createFakeBackend()
    const before = readFake('fakeDeviceBytes')
    const caches = Array.from({ length: 40 }, () => backend.allocateCache(spec, 1))
    expect(backend.memory().deviceBytes).toBe(40 * caches[0]!.byteLength)
    for (const cache of caches) backend.free(cache)
    expect(readFake('fakeDeviceBytes')).toBe(before)
    expect(backend.memory()).toMatchObject({ deviceBytes: 0 })
  })
})
