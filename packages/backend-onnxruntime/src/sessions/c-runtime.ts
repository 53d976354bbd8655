import { InternalError } from '@flexgen/spec'
import { type AddressOf, createAddressOf } from '../ffi/address-of.ts'
import type { Koffi } from '../ffi/koffi-library.ts'
import { NativeHandle } from '../ffi/native-handle.ts'
import { mapLargeBlocks } from '../ffi/map-large-blocks.ts'
import { loadOrtApi, type OrtApi } from '../ffi/ort-api.ts'
import { CArena } from './c-arena.ts'
import { CBinding, createValue } from './c-binding.ts'
import { acquireEnvironment, type Environment } from './c-environment.ts'
import type { Session, SessionRuntime, Tensor } from './session.ts'

/** More rows in flight than this gained nothing (attention of 8 rows, 2 and 16 threads). */
const mostRowsAtOnce = 4
/** In ONNX Runtime's message where the environment was made without threads for all sessions. */
const noSharedThreads = 'EnvCreatedWithGlobalThreadPools'

/**
 * ONNX Runtime through its C API: tensors are our own memory, and runs leave the event loop free.
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE` where the library cannot be loaded
 */
export async function createCRuntime(koffi: Koffi, libraryPath: string, threads: number): Promise<SessionRuntime> {
  const api = loadOrtApi(koffi, libraryPath)
  mapLargeBlocks(koffi)
  const environment = acquireEnvironment(api, threads)
  try {
    const sessions = new CSessions(api, environment, createAddressOf(koffi))
    const arena = await createArena(api, environment, sessions)
    return {
      api: 'c',
      version: api.version,
      threads: environment.threads,
      sharesThreads: environment.sharesThreads,
      concurrency: Math.min(environment.threads, mostRowsAtOnce),
      halfTensors: true,
      createSession: (model, initializers) => sessions.create(model, initializers),
      heldBytes: () => arena.heldBytes(),
      trim: () => arena.trim(),
      release() {
        arena.release()
        environment.release()
      },
    }
  } catch (error) {
    environment.release()
    throw error
  }
}

/** The arena comes with the first session, which tells whether there are threads to share. */
async function createArena(api: OrtApi, environment: Environment, sessions: CSessions): Promise<CArena> {
  try {
    return await CArena.create(api, environment, sessions)
  } catch (error) {
    if (!(environment.sharesThreads && String(error).includes(noSharedThreads))) throw error
    environment.sharesThreads = false
    return await CArena.create(api, environment, sessions)
  }
}

/** Makes sessions on the shared environment. */
export class CSessions {
  readonly #api: OrtApi
  readonly #environment: Environment
  readonly #addressOf: AddressOf

  constructor(api: OrtApi, environment: Environment, addressOf: AddressOf) {
    this.#api = api
    this.#environment = environment
    this.#addressOf = addressOf
  }

  async create(model: Uint8Array, initializers: ReadonlyMap<string, Tensor> = new Map()): Promise<CSession> {
    const { call, callAsync } = this.#api
    const { env, memoryInfo } = this.#environment
    const options = createOptions(this.#api, this.#environment)
    const values: NativeHandle[] = []
    try {
      for (const tensor of initializers.values()) {
        values.push(createValue(this.#api, memoryInfo, this.#addressOf, tensor))
      }
      addInitializers(this.#api, options, [...initializers.keys()], values)
      const out = new BigUint64Array(1)
      await callAsync('createSessionFromArray', env.pointer, model, model.byteLength, options.pointer, out)
      return new CSession(this.#api, memoryInfo, this.#addressOf, new NativeHandle(out[0]!, call.releaseSession))
    } finally {
      for (const value of values) value.release()
      options.release()
    }
  }
}

/** A session of the C API. */
export class CSession implements Session {
  readonly #api: OrtApi
  readonly #memoryInfo: NativeHandle
  readonly #addressOf: AddressOf
  readonly #handle: NativeHandle

  constructor(api: OrtApi, memoryInfo: NativeHandle, addressOf: AddressOf, handle: NativeHandle) {
    this.#api = api
    this.#memoryInfo = memoryInfo
    this.#addressOf = addressOf
    this.#handle = handle
  }

  /** The native session. */
  get pointer(): bigint {
    return this.#handle.pointer
  }

  createBinding(): CBinding {
    const { call, create } = this.#api
    const pointer = create((out) => call.createIoBinding(this.#handle.pointer, out))
    return new CBinding(this.#api, this.#memoryInfo, this.#addressOf, new NativeHandle(pointer, call.releaseIoBinding))
  }

  run(binding: object, now: boolean): void | Promise<void> {
    if (!(binding instanceof CBinding)) throw new InternalError('a binding of another runtime was run')
    if (!now) return this.#api.callAsync('runWithBinding', this.#handle.pointer, null, binding.pointer)
    this.#api.call.runWithBinding(this.#handle.pointer, null, binding.pointer)
  }

  release(): void {
    this.#handle.release()
  }
}

function createOptions(api: OrtApi, { threads, sharesThreads }: Environment): NativeHandle {
  const { call, create } = api
  const options = new NativeHandle(
    create((out) => call.createSessionOptions(out)),
    call.releaseSessionOptions,
  )
  try {
    if (sharesThreads) call.disablePerSessionThreads(options.pointer)
    else {
      call.setIntraOpNumThreads(options.pointer, threads)
      call.addSessionConfigEntry(options.pointer, 'session.intra_op.allow_spinning', '0')
    }
    call.addSessionConfigEntry(options.pointer, 'session.use_env_allocators', '1')
    // Initializers lie outside the arena, so that they are really given back with their session.
    call.addSessionConfigEntry(options.pointer, 'session.use_device_allocator_for_initializers', '1')
    // Memory patterns plan one block per input shape; shapes change all the time here.
    call.disableMemPattern(options.pointer)
    return options
  } catch (error) {
    options.release()
    throw error
  }
}

function addInitializers(api: OrtApi, options: NativeHandle, names: string[], values: NativeHandle[]): void {
  if (names.length === 0) return
  const texts = names.map((name) => Buffer.from(`${name}\0`))
  const namePointers = BigUint64Array.from(texts, (text) => api.addressOf(text))
  const valuePointers = BigUint64Array.from(values, (value) => value.pointer)
  api.call.addExternalInitializers(options.pointer, namePointers, valuePointers, names.length)
  // ONNX Runtime has copied the names by now; this mention keeps them alive up to here.
  texts.length = 0
}
