import { readFileSync } from 'node:fs'
import {
  BackendUnavailableError,
  type FlexgenError,
  InternalError,
  OutOfMemoryError,
  UnsupportedDataError,
} from '@flexgen/spec'
import { bindFunctions } from '../../ffi/c-functions.ts'
import type { Koffi } from '../../ffi/koffi-library.ts'
import { type CublasLtFunctions, cublasLtFunctions } from './cublaslt-functions.ts'

// koffi closes a library whose handle is collected, and functions would jump into nothing: keep every one for good.
const libraries = new Map<string, { handle: unknown; call: CublasLtFunctions }>()

/**
 * The functions of cuBLASLt.
 * @param libraryPath by default the library that ONNX Runtime's CUDA provider has loaded
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE`
 */
export function loadCublasLt(koffi: Koffi, libraryPath: string = loadedLibrary()): CublasLtFunctions {
  const loaded = libraries.get(libraryPath)
  if (loaded !== undefined) return loaded.call
  try {
    const handle = koffi.load(libraryPath)
    const textOf = handle.func('cublasLtGetStatusString', 'str', ['int']) as unknown as (status: number) => string
    const call = bindFunctions<CublasLtFunctions>(handle, cublasLtFunctions, (what, status) =>
      cublasLtError(what, status, textOf(status)),
    )
    libraries.set(libraryPath, { handle, call })
    return call
  } catch (cause) {
    throw new BackendUnavailableError(`cuBLASLt, ${libraryPath}, cannot be loaded`, { hint: brokenHint, cause })
  }
}

const brokenHint = 'install ONNX Runtime with its CUDA libraries again: pip install "onnxruntime-gpu[cuda,cudnn]"'

/** The library that this process has loaded: the CUDA provider's own, so that no second one takes memory. */
function loadedLibrary(): string {
  const maps = readFileSync('/proc/self/maps', 'utf8')
  const found = /\/.*\/libcublasLt\.so[.\d]*$/m.exec(maps)?.[0]
  if (found === undefined)
    throw new BackendUnavailableError("ONNX Runtime's CUDA provider has loaded no cuBLASLt", { hint: brokenHint })
  return found
}

const statuses = { notInitialized: 1, allocationFailed: 3, notSupported: 15 } as const

/** The error for a failed call: the library's own text, with the code that fits. */
export function cublasLtError(doing: string, status: number, text: string): FlexgenError {
  const message = `cuBLASLt cannot ${doing}: ${text} (${status})`
  // Handles and kernels need memory of the device: without it, it only says that it is not initialized.
  if (status === statuses.allocationFailed || status === statuses.notInitialized) return new OutOfMemoryError(message)
  return status === statuses.notSupported ? new UnsupportedDataError(message) : new InternalError(message)
}
