import { BackendUnavailableError } from '@flexgen/spec'
import { bindFunctions, cTypes, type RawFunction } from '../../ffi/c-functions.ts'
import type { Koffi } from '../../ffi/koffi-library.ts'
import { type CudaFunctions, cudaFunctions, type CudaHandle } from './cuda-functions.ts'
import { cudaError, cudaStatus } from './cuda-status.ts'

/** The CUDA driver API: functions that throw a `FlexgenError` with the driver's text where a call fails. */
export interface CudaDriver {
  readonly call: CudaFunctions
  /** Calls a function whose first parameter receives a handle or an address, and returns it. */
  create(make: (out: BigUint64Array) => void): bigint
  /** Whether what was recorded has ended. @throws {FlexgenError} where work of the device has failed */
  isReached(event: CudaHandle): boolean
  /** Address of memory of JavaScript, which the caller keeps alive. */
  addressOf(memory: ArrayBufferView): bigint
}

// koffi closes a library whose handle is collected, and functions would jump into nothing: keep every one for good.
const libraries = new Map<string, { handle: unknown; driver: CudaDriver }>()

/**
 * Loads the driver's library, once per path.
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE` where it is missing or too old
 */
export function loadCudaDriver(koffi: Koffi, libraryPath: string): CudaDriver {
  const loaded = libraries.get(libraryPath)
  if (loaded !== undefined) return loaded.driver
  try {
    const handle = koffi.load(libraryPath)
    const driver = bindDriver(koffi, handle)
    libraries.set(libraryPath, { handle, driver })
    return driver
  } catch (cause) {
    throw new BackendUnavailableError(`the library of the NVIDIA driver, ${libraryPath}, cannot be loaded`, {
      hint: 'install the NVIDIA driver (nvidia-smi must show the GPU), or use a backend that computes on the CPU',
      cause,
    })
  }
}

type Library = ReturnType<Koffi['load']>

function bindDriver(koffi: Koffi, library: Library): CudaDriver {
  const errorName = library.func('cuGetErrorName', 'int', ['int', koffi.out(koffi.pointer('str'))]) as RawFunction
  const errorText = library.func('cuGetErrorString', 'int', ['int', koffi.out(koffi.pointer('str'))]) as RawFunction
  const textOf = (read: RawFunction, status: number): string => {
    const out: [string | null] = [null]
    read(status, out)
    return out[0] ?? 'unknown'
  }
  const toError = (what: string, status: number): unknown =>
    cudaError(what, status, textOf(errorName, status), textOf(errorText, status))
  const call = bindFunctions<CudaFunctions>(library, cudaFunctions, toError)
  const query = library.func('cuEventQuery', 'int', [cTypes.address]) as RawFunction
  return {
    call,
    create(make) {
      const out = new BigUint64Array(1)
      make(out)
      return out[0]!
    },
    isReached(event) {
      const status = query(event)
      if (status === cudaStatus.success) return true
      if (status === cudaStatus.notReady) return false
      throw toError('event', status)
    },
    addressOf: (memory) => koffi.address(memory),
  }
}
