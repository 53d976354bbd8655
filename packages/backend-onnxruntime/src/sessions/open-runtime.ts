import { availableParallelism } from 'node:os'
import { BackendUnavailableError, FlexgenError, UsageError } from '@flexgen/spec'
import { findLibrary } from '../ffi/find-library.ts'
import { type Koffi, loadKoffi } from '../ffi/koffi-library.ts'
import { createCRuntime } from './c-runtime.ts'
import { createJsRuntime } from './js-runtime.ts'
import type { SessionRuntime } from './session.ts'

/** Which ONNX Runtime is used, and how. */
export interface RuntimeOptions {
  /** `c`: the C API; `js`: the JavaScript API of onnxruntime-node; `auto` (default): the first that works. */
  readonly api?: 'auto' | 'c' | 'js'
  /** Threads that compute; all cores by default. Backends of the C API share the threads of the first one. */
  readonly threads?: number
  /** Path of the library of the C API; `ORT_LIBRARY`, or the one inside onnxruntime-node, by default. */
  readonly libraryPath?: string
}

/** A runtime and how it was chosen. */
export interface OpenedRuntime {
  readonly runtime: SessionRuntime
  /** For memory that is aligned to pages; undefined where koffi does not work. */
  readonly koffi: Koffi | undefined
  readonly notices: readonly string[]
}

const mostThreads = 1024

/**
 * Opens the runtime that the options ask for; only `auto` falls back, and says so.
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE`, or `USAGE` for bad options
 */
export async function openRuntime(options: RuntimeOptions): Promise<OpenedRuntime> {
  const { api = 'auto', threads = availableParallelism(), libraryPath } = options
  if (!(Number.isSafeInteger(threads) && threads >= 1 && threads <= mostThreads))
    throw new UsageError(`threads cannot be ${threads}`, { hint: `give a whole number from 1 to ${mostThreads}` })
  if (!['auto', 'c', 'js'].includes(api)) throw new UsageError(`there is no API '${api}'`, { hint: 'auto, c or js' })
  if (api === 'c') return openC(threads, libraryPath)
  if (api === 'js') return openJs(threads, libraryPath)
  try {
    return await openC(threads, libraryPath)
  } catch (error) {
    if (!FlexgenError.isInstance(error) || error.code !== 'BACKEND_UNAVAILABLE') throw error
    return await fallBack(threads, error)
  }
}

async function openC(threads: number, libraryPath: string | undefined): Promise<OpenedRuntime> {
  const koffi = await loadKoffi()
  const runtime = await createCRuntime(koffi, findLibrary(libraryPath), threads)
  const notices: string[] = []
  if (runtime.threads !== threads)
    notices.push(`ONNX Runtime runs with ${runtime.threads} threads in this process already: ${threads} not applied`)
  if (!runtime.sharesThreads)
    notices.push('ONNX Runtime was in use in this process before: every graph has threads of its own')
  return { runtime, koffi, notices }
}

async function openJs(threads: number, libraryPath: string | undefined): Promise<OpenedRuntime> {
  const runtime = await createJsRuntime(threads)
  const notices = [
    `ONNX Runtime ${runtime.version} through the JavaScript API of onnxruntime-node: in float32, half weights are widened at every run, and runs block the event loop`,
  ]
  if (libraryPath !== undefined)
    notices.push(`the JavaScript API uses the library inside onnxruntime-node: ${libraryPath} not applied`)
  return { runtime, koffi: await loadKoffi().catch(() => undefined), notices }
}

async function fallBack(threads: number, reason: FlexgenError): Promise<OpenedRuntime> {
  try {
    const opened = await openJs(threads, undefined)
    const why = `the C API of ONNX Runtime does not work here (${reason.message}): fell back to the JavaScript API`
    return { ...opened, notices: [why, ...opened.notices] }
  } catch (error) {
    const also = FlexgenError.isInstance(error) ? error.message : String(error)
    throw new BackendUnavailableError(`ONNX Runtime does not work here: ${reason.message}; ${also}`, {
      hint: reason.hint,
      cause: reason,
    })
  }
}
