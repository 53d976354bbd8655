import { BackendUnavailableError } from '@flexgen/spec'
import type { Koffi } from './koffi-library.ts'

/** Memory of JavaScript, an address, or nothing. */
export type Pointer = ArrayBufferView | bigint | number | null

/** The functions of the C library; every size was checked before. */
export interface NativeLibrary {
  /** Null where the system refuses threads, or there is no level of that name. */
  open(threads: number, isPinned: number, level: string | null): bigint | null
  close(context: bigint): void
  /** File descriptor that becomes readable when operations have ended. */
  pipe(context: bigint): number
  levelName(context: bigint): string
  threads(context: bigint): number
  /** Bytes of scratch that the kernels of a run need. */
  scratchBytes(context: bigint, program: bigint, table: Pointer): number
  /** Number of the queue, or -1. */
  createQueue(context: bigint): number
  resetQueue(context: bigint, queue: number): void
  submitRun(context: bigint, queue: number, program: bigint, table: Pointer, scratch: number): number
  submitCopy(
    context: bigint,
    queue: number,
    target: number,
    source: number,
    sizeBytes: number,
    lanes: number,
    targetStride: number,
    sourceStride: number,
  ): number
  submitWait(context: bigint, queue: number, other: number, operation: number): number
  cancel(context: bigint, queue: number): void
  /** Fills entries of eight numbers; gives how many. */
  fetch(context: bigint, entries: Float64Array, most: number): number
  /** Null for a program that no compiler of ours makes. */
  programCreate(words: Float64Array, count: number): bigint | null
  programFree(program: bigint): void
  /** Bytes read a second; blocks. */
  measureRead(threads: number, level: string | null, data: number, sizeBytes: number): number
  /** Multiplications a second, each with an addition; blocks. */
  measureMultiply(threads: number, level: string | null): number
}

type CType = 'void' | 'int' | 'uint32_t' | 'size_t' | 'double' | 'str' | 'void *' | 'uintptr_t'

const signatures: Readonly<
  Record<keyof NativeLibrary, readonly [name: string, result: CType, ...parameters: CType[]]>
> = {
  open: ['fx_open', 'void *', 'size_t', 'int', 'str'],
  close: ['fx_close', 'void', 'void *'],
  pipe: ['fx_pipe', 'int', 'void *'],
  levelName: ['fx_level_name', 'str', 'void *'],
  threads: ['fx_threads', 'size_t', 'void *'],
  scratchBytes: ['fx_scratch_bytes', 'double', 'void *', 'void *', 'void *'],
  createQueue: ['fx_create_queue', 'int', 'void *'],
  resetQueue: ['fx_reset_queue', 'void', 'void *', 'uint32_t'],
  submitRun: ['fx_submit_run', 'int', 'void *', 'uint32_t', 'void *', 'void *', 'uintptr_t'],
  submitCopy: [
    'fx_submit_copy',
    'int',
    'void *',
    'uint32_t',
    'uintptr_t',
    'uintptr_t',
    'size_t',
    'size_t',
    'size_t',
    'size_t',
  ],
  submitWait: ['fx_submit_wait', 'int', 'void *', 'uint32_t', 'uint32_t', 'double'],
  cancel: ['fx_cancel', 'void', 'void *', 'uint32_t'],
  fetch: ['fx_fetch', 'size_t', 'void *', 'void *', 'size_t'],
  programCreate: ['fx_program_create', 'void *', 'void *', 'size_t'],
  programFree: ['fx_program_free', 'void', 'void *'],
  measureRead: ['fx_measure_read', 'double', 'size_t', 'str', 'uintptr_t', 'size_t'],
  measureMultiply: ['fx_measure_multiply', 'double', 'size_t', 'str'],
}

// koffi closes a library whose handle is collected, and functions would jump into nothing: keep every one for good.
const libraries = new Map<string, { readonly handle: unknown; readonly library: NativeLibrary }>()

/**
 * Loads the library, once per path.
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE` where it cannot be loaded
 */
export function loadLibrary(koffi: Koffi, libraryPath: string): NativeLibrary {
  const loaded = libraries.get(libraryPath)
  if (loaded !== undefined) return loaded.library
  try {
    const handle = koffi.load(libraryPath)
    const functions = Object.entries(signatures).map(([name, [symbol, result, ...parameters]]) => [
      name,
      handle.func(symbol, result, parameters),
    ])
    const library = Object.fromEntries(functions) as NativeLibrary
    libraries.set(libraryPath, { handle, library })
    return library
  } catch (cause) {
    throw new BackendUnavailableError(`the library of the host kernels ${libraryPath} cannot be loaded`, {
      hint: 'remove it, so that it is compiled again, or give the path of one that was built for this platform',
      cause,
    })
  }
}
