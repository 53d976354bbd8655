import { readFileSync } from 'node:fs'
import type { CudaDriver } from '../driver/cuda-driver.ts'
import type { CudaHandle } from '../driver/cuda-functions.ts'

/** Own kernels by the file that they ship in: `native/*.ptx`. */
export type DeviceModule = 'arg-max' | 'attention' | 'attention-q4' | 'copy' | 'groups' | 'norm'

/** Threads of every block; the kernels are written for so many. */
export const blockThreads = 256
/** Their warps. */
export const blockWarps: number = blockThreads / 32

/** A launch of blocks of `blockThreads`. */
export interface DeviceLaunch {
  readonly module: DeviceModule
  readonly name: string
  readonly grid: readonly [x: number, y: number, z: number]
  readonly sharedBytes?: number
  /** 64-bit parameters, which come first. */
  readonly addresses: readonly bigint[]
  /** 32-bit integers behind them. */
  readonly integers: readonly number[]
  /** A 32-bit float behind those. */
  readonly float?: number
}

const parameterBytes = 128
/** A block may use more shared memory than this only where the function says so. */
const plainSharedBytes = 48 * 1024
const maxSharedAttribute = 8

/** Own kernels for what ONNX Runtime does not do; a module is loaded when it is first needed, if nobody has asked for it before. */
export class DeviceKernels {
  readonly #driver: CudaDriver
  readonly #modules = new Map<DeviceModule, CudaHandle>()
  readonly #functions = new Map<string, CudaHandle>()
  readonly #sharedBytes = new Map<CudaHandle, number>()
  readonly #parameters: DataView
  readonly #pointers: BigUint64Array

  constructor(driver: CudaDriver) {
    this.#driver = driver
    this.#parameters = new DataView(new ArrayBuffer(parameterBytes))
    this.#pointers = BigUint64Array.of(driver.addressOf(this.#parameters))
  }

  /** Hands a launch to a stream; the driver reads its parameters before this returns. */
  launch({ module, name, grid, sharedBytes = 0, addresses, integers, float }: DeviceLaunch, stream: CudaHandle): void {
    const { call } = this.#driver
    const view = this.#parameters
    addresses.forEach((address, i) => view.setBigUint64(8 * i, address, true))
    integers.forEach((integer, i) => view.setInt32(8 * addresses.length + 4 * i, integer, true))
    if (float !== undefined) view.setFloat32(8 * addresses.length + 4 * integers.length, float, true)
    const kernel = this.#function(module, name)
    if (sharedBytes > (this.#sharedBytes.get(kernel) ?? plainSharedBytes)) {
      call.functionSetAttribute(kernel, maxSharedAttribute, sharedBytes)
      this.#sharedBytes.set(kernel, sharedBytes)
    }
    call.launch(kernel, ...grid, blockThreads, 1, 1, sharedBytes, stream, this.#pointers, null)
  }

  /**
   * Loads modules ahead of the first launch: a driver that has not seen them before compiles them, which would be part of
   * somebody's first run.
   */
  load(modules: Iterable<DeviceModule>): void {
    for (const module of modules) this.#module(module)
  }

  release(): void {
    for (const module of this.#modules.values()) this.#driver.call.moduleUnload(module)
    this.#modules.clear()
    this.#functions.clear()
    this.#sharedBytes.clear()
  }

  #function(module: DeviceModule, name: string): CudaHandle {
    const { call, create } = this.#driver
    let found = this.#functions.get(name)
    if (found === undefined) {
      const loaded = this.#module(module)
      found = create((out) => call.moduleGetFunction(out, loaded, name))
      this.#functions.set(name, found)
    }
    return found
  }

  #module(module: DeviceModule): CudaHandle {
    const { call, create } = this.#driver
    let loaded = this.#modules.get(module)
    if (loaded === undefined) {
      loaded = create((out) => call.moduleLoad(out, imageOf(module)))
      this.#modules.set(module, loaded)
    }
    return loaded
  }
}

/** The driver reads PTX up to a zero. */
function imageOf(module: DeviceModule): Buffer {
  const image = readFileSync(new URL(`../../../native/${module}.ptx`, import.meta.url))
  return Buffer.concat([image, Buffer.alloc(1)])
}
