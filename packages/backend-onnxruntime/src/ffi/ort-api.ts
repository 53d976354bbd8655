import { BackendUnavailableError } from '@flexgen/spec'
import { apiFunctions, type ApiType, type OrtFunctions, type Pointer } from './api-functions.ts'
import { inWords } from './c-functions.ts'
import type { Koffi } from './koffi-library.ts'
import { ortError } from './ort-status.ts'

/** Newest version of the C API that this package was tried with; newer libraries still offer it. */
const newestApi = 24
/** Since this version allocators tell what they hold; 1.23, 1.24 and 1.30 were tried. */
const oldestApi = 23

type Name = keyof OrtFunctions

/** The C API of ONNX Runtime: functions that throw a `FlexgenError` with ORT's message where a call fails. */
export interface OrtApi {
  /** Version of the library, such as `1.30.0`. */
  readonly version: string
  readonly call: OrtFunctions
  /** Calls a function that returns a status on a thread of its own, and keeps the arguments alive until it settles. */
  callAsync(name: Name, ...values: (Pointer | number)[]): Promise<void>
  /** Calls a function whose last parameter receives a pointer, and returns that pointer. */
  create(make: (out: BigUint64Array) => void): bigint
  /** Address of memory of JavaScript, which the caller keeps alive. */
  addressOf(memory: ArrayBufferView): bigint
}

interface RawFunction {
  (...values: unknown[]): unknown
  async: (...values: unknown[]) => void
}

const cTypes: Readonly<Record<ApiType, string>> = {
  pointer: 'void *',
  string: 'str',
  int: 'int',
  size: 'size_t',
  status: 'void *',
  void: 'void',
}

// koffi closes a library whose handle is collected, and functions would jump into nothing: keep every one for good.
const libraries = new Map<string, { handle: unknown; api: OrtApi }>()

/**
 * Loads the library and its table of functions, once per path.
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE` where it cannot be loaded or is too old
 */
export function loadOrtApi(koffi: Koffi, libraryPath: string): OrtApi {
  const loaded = libraries.get(libraryPath)
  if (loaded !== undefined) return loaded.api
  try {
    const handle = koffi.load(libraryPath)
    const api = bindApi(koffi, handle.func('OrtGetApiBase', 'void *', []) as () => bigint)
    libraries.set(libraryPath, { handle, api })
    return api
  } catch (cause) {
    if (cause instanceof BackendUnavailableError) throw cause
    throw new BackendUnavailableError(`the ONNX Runtime library ${libraryPath} cannot be loaded`, {
      hint: 'it must be a library for this platform, with what it is linked to (glibc 2.28 or newer)',
      cause,
    })
  }
}

function bindApi(koffi: Koffi, getApiBase: () => bigint): OrtApi {
  const [getApi, getVersion] = new BigUint64Array(koffi.view(getApiBase(), 16))
  const version = String(koffi.call(getVersion, koffi.proto('str', [])))
  // GetApi complains on stderr about a version that it does not know, so ask for one that it must know.
  const apiVersion = Math.min(newestApi, Number(version.split('.')[1]))
  if (!(apiVersion >= oldestApi)) {
    throw new BackendUnavailableError(`ONNX Runtime ${version} is too old: 1.${oldestApi} is needed`, {
      hint: 'npm install onnxruntime-node@latest, or set ORT_LIBRARY to a newer library',
    })
  }
  const address = koffi.call(getApi, koffi.proto('void *', ['uint32_t']), apiVersion) as bigint
  const raw = bindFunctions(koffi, address)
  const toError = (name: Name, status: unknown): unknown => {
    const error = ortError(inWords(name), Number(raw.getErrorCode(status)), String(raw.getErrorMessage(status)))
    raw.releaseStatus(status)
    return error
  }
  const call = Object.fromEntries(
    names.map((name) => [name, apiFunctions[name][2] === 'status' ? checked(name, raw, toError) : raw[name]]),
  ) as unknown as OrtFunctions
  return {
    version,
    call,
    callAsync: (name, ...values) =>
      new Promise((resolve, reject) => {
        raw[name].async(...values, (failure: unknown, status: unknown) => {
          // The call has read and written the memory of its arguments up to here; this mention keeps it alive.
          values.length = 0
          const error = failure ?? (isNull(status) ? undefined : toError(name, status))
          if (error === undefined) resolve()
          // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- a FlexgenError, or what koffi threw
          else reject(error)
        })
      }),
    create(make) {
      const out = new BigUint64Array(1)
      make(out)
      return out[0]!
    },
    addressOf: (memory) => koffi.address(memory),
  }
}

const names = Object.keys(apiFunctions) as Name[]

function bindFunctions(koffi: Koffi, address: bigint): Record<Name, RawFunction> {
  const highest = Math.max(...names.map((name) => apiFunctions[name][0]))
  const table = new BigUint64Array(koffi.view(address, (highest + 1) * 8))
  const bind = (name: Name): RawFunction => {
    const [index, parameters, result] = apiFunctions[name]
    const types = parameters.map((parameter) => cTypes[parameter])
    return koffi.decode(table[index], koffi.proto(cTypes[result], types)) as RawFunction
  }
  return Object.fromEntries(names.map((name) => [name, bind(name)])) as Record<Name, RawFunction>
}

function checked(
  name: Name,
  raw: Record<Name, RawFunction>,
  toError: (name: Name, status: unknown) => unknown,
): RawFunction['async'] {
  const target = raw[name]
  return (...values) => {
    const status = target(...values)
    if (!isNull(status)) throw toError(name, status)
  }
}

function isNull(pointer: unknown): boolean {
  return pointer === null || pointer === 0n
}
