import { availableParallelism } from 'node:os'
import { UsageError } from '@flexgen/spec'
import { findLibrary } from '../ffi/find-library.ts'
import { type Koffi, loadKoffi } from '../ffi/koffi-library.ts'
import { createCRuntime } from './c-runtime.ts'
import type { SessionRuntime } from './session.ts'

/** Which ONNX Runtime is used, and how. */
export interface RuntimeOptions {
  /** `c`: the C API; `js`: the JavaScript API of onnxruntime-node; `auto` (default): the first that works. */
  readonly api?: 'auto' | 'c' | 'js'
  /** Threads that compute; all cores by default. */
  readonly threads?: number
  /** Path of the library of the C API; `ORT_LIBRARY`, or the one inside onnxruntime-node, by default. */
  readonly libraryPath?: string
}

/** A runtime and how it was chosen. */
export interface OpenedRuntime {
  readonly runtime: SessionRuntime
  readonly koffi: Koffi | undefined
  readonly notices: readonly string[]
}

const mostThreads = 1024

/**
 * Opens the runtime that the options ask for.
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE`, or `USAGE` for bad options
 */
export async function openRuntime(options: RuntimeOptions): Promise<OpenedRuntime> {
  const { api = 'auto', threads = availableParallelism(), libraryPath } = options
  if (!(Number.isSafeInteger(threads) && threads >= 1 && threads <= mostThreads))
    throw new UsageError(`threads cannot be ${threads}`, { hint: `give a whole number from 1 to ${mostThreads}` })
  if (!['auto', 'c', 'js'].includes(api)) throw new UsageError(`there is no API '${api}'`, { hint: 'auto, c or js' })
  const koffi = await loadKoffi()
  const runtime = await createCRuntime(koffi, findLibrary(libraryPath), threads)
  return { runtime, koffi, notices: [`ONNX Runtime ${runtime.version} through its C API`] }
}
