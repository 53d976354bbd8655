import { createOnnxRuntimeCudaBackend, type OnnxRuntimeCudaOptions } from '@flexgen/backend-onnxruntime'
import type { Backend } from '@flexgen/spec'
import koffi from 'koffi'
import { createFakeBackend, fakeDriverPath } from './fake-backend.ts'

/** A GPU, or the fake one, as tests of faults see it: through the driver, past the backend. */
export interface TestedGpu {
  readonly isFake: boolean
  readonly description: string
  /** Where the driver is. */
  readonly driver: Pick<OnnxRuntimeCudaOptions, 'driverPath'>
  createBackend(): Promise<Backend>
  /** Bytes in use on the device, whoever holds them. */
  usedBytes(): number
  /**
   * Makes allocations on the device fail, the later the more steps there are: on a GPU all but so many pieces of 2 MiB is
   * taken, on the fake one that many allocations go well. What it returns ends that.
   */
  starve(steps: number): () => void
}

const pieceBytes = 2 * 2 ** 20
/** In fewer calls where there is much. */
const largePieces = [2 ** 31, 2 ** 28] as const

/**
 * Opens the driver; the context stays, so that what it takes by itself is the same before and after a test.
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE` where there is no GPU
 */
export async function openTestedGpu(isFake: boolean): Promise<TestedGpu> {
  const createBackend = (): Promise<Backend> => (isFake ? createFakeBackend() : createOnnxRuntimeCudaBackend())
  // First of all, since it sets how much stack koffi gives to calls.
  const backend = await createBackend()
  const { description } = backend.device
  await backend[Symbol.asyncDispose]()
  const path = isFake ? await fakeDriverPath() : process.env['CUDA_DRIVER_LIBRARY'] || 'libcuda.so.1'
  const driver = koffi.load(path)
  const call = (name: string, types: string[], ...values: unknown[]): number => {
    const run = driver.func(name, 'int', types) as (...given: unknown[]) => number
    return run(...values)
  }
  const created = (name: string, type: string, value: unknown): bigint | undefined => {
    const out = new BigUint64Array(1)
    return call(name, ['void *', type], out, value) === 0 ? out[0]! : undefined
  }
  call('cuInit', ['uint'], 0)
  call('cuCtxSetCurrent', ['uint64_t'], created('cuDevicePrimaryCtxRetain', 'int', 0))
  const memory = (): { free: number; total: number } => {
    const [free, total] = [new BigUint64Array(1), new BigUint64Array(1)]
    call('cuMemGetInfo_v2', ['void *', 'void *'], free, total)
    return { free: Number(free[0]), total: Number(total[0]) }
  }
  const fill = (steps: number): (() => void) => {
    const taken: bigint[] = []
    const take = (bytes: number): boolean => {
      const address = created('cuMemAlloc_v2', 'size_t', bytes)
      if (address !== undefined) taken.push(address)
      return address !== undefined
    }
    for (const bytes of largePieces) while (memory().free > 2 * bytes && take(bytes));
    while (take(pieceBytes));
    const free = (count: number): void => {
      for (const address of taken.splice(-count, count)) call('cuMemFree_v2', ['uint64_t'], address)
    }
    free(steps)
    return () => free(taken.length)
  }
  const failAt = (allocation: number): void => {
    const address: bigint = koffi.address(driver.symbol('fakeFailAllocation', 'int'))
    new Int32Array(koffi.view(address, 4))[0] = allocation
  }
  return {
    isFake,
    driver: { driverPath: path },
    description,
    createBackend,
    usedBytes: () => memory().total - memory().free,
    starve(steps) {
      if (!isFake) return fill(steps)
      failAt(steps + 1)
      return () => failAt(0)
    },
  }
}
