import { BackendUnavailableError, FlexgenError } from '@flexgen/spec'
import { NativeHandle } from '../../ffi/native-handle.ts'
import type { OrtApi } from '../../ffi/ort-api.ts'
import { identityModel } from '../../onnx/identity-model.ts'
import { acquireEnvironment, type Environment } from '../../sessions/c-environment.ts'
import type { CudaDevice } from '../driver/cuda-device.ts'
import { ArenaReserve } from './arena-reserve.ts'
import { cudaMemoryInfo, registerCudaArena } from './cuda-arena.ts'
import { CudaSession, type CudaSessionBinding, type MemoryInfos } from './cuda-session.ts'

/** Where sessions compute: `cpu` is for tests on a driver whose device memory is host memory. */
export type SessionProvider = 'cuda' | 'cpu'

/** Sessions on the compute stream of one device, and the arena that they share. */
export class CudaSessions {
  readonly version: string
  readonly #api: OrtApi
  readonly #environment: Environment
  readonly #device: CudaDevice
  readonly #provider: SessionProvider
  readonly #memory: MemoryInfos
  readonly #runOptions: NativeHandle
  #watch:
    | { session: CudaSession; binding: CudaSessionBinding; allocator: NativeHandle; shrink: NativeHandle }
    | undefined
  #watchAddress = 0n
  readonly #reserve: ArenaReserve

  private constructor(api: OrtApi, environment: Environment, device: CudaDevice, provider: SessionProvider) {
    const { call, create } = api
    this.version = api.version
    this.#api = api
    this.#environment = environment
    this.#device = device
    this.#provider = provider
    const host = environment.memoryInfo
    this.#memory = { host, device: provider === 'cuda' ? cudaMemoryInfo(api, device.ordinal) : host }
    this.#runOptions = new NativeHandle(
      create((out) => call.createRunOptions(out)),
      call.releaseRunOptions,
    )
    call.addRunConfigEntry(this.#runOptions.pointer, 'disable_synchronize_execution_providers', '1')
    this.#reserve = new ArenaReserve({
      allocate: (byteLength) => create((out) => call.allocatorAlloc(this.#watch!.allocator.pointer, byteLength, out)),
      free: (address) => call.allocatorFree(this.#watch!.allocator.pointer, address),
      shrink: () => this.#shrink(),
    })
  }

  /**
   * @param hint what helps where the CUDA provider cannot be loaded
   * @throws {FlexgenError} `BACKEND_UNAVAILABLE` where it cannot
   */
  static async open(api: OrtApi, device: CudaDevice, provider: SessionProvider, hint: string): Promise<CudaSessions> {
    const environment = acquireEnvironment(api, 1)
    const sessions = new CudaSessions(api, environment, device, provider)
    try {
      if (provider === 'cuda') {
        // Says what is wrong with the provider: to register an arena without one ends the process.
        sessions.#sessionOptions().release()
        registerCudaArena(api, environment.env, sessions.#memory.device)
      }
      await sessions.#openWatch()
      return sessions
    } catch (cause) {
      sessions.release()
      const why = FlexgenError.isInstance(cause) ? cause.message : String(cause)
      throw new BackendUnavailableError(`ONNX Runtime ${api.version} has no CUDA here: ${why}`, {
        hint,
        cause,
      })
    }
  }

  /** Compiles a model. @throws {FlexgenError} with ONNX Runtime's message */
  async create(model: Uint8Array): Promise<CudaSession> {
    const { call, callAsync } = this.#api
    // What a session keeps must not lie in the midst of the piece that runs share.
    if (this.#reserve.sizeBytes > 0) this.#reserve.shrink()
    const options = this.#sessionOptions()
    try {
      const out = new BigUint64Array(1)
      const { env } = this.#environment
      await callAsync('createSessionFromArray', env.pointer, model, model.byteLength, options.pointer, out)
      return new CudaSession(this.#api, this.#memory, new NativeHandle(out[0]!, call.releaseSession), this.#runOptions)
    } finally {
      options.release()
    }
  }

  /** Bytes of the arena. */
  heldBytes(): number {
    if (this.#watch === undefined) return 0
    const { call, create } = this.#api
    const pairs = create((out) => call.allocatorGetStats(this.#watch!.allocator.pointer, out))
    const total = call.getKeyValue(pairs, 'TotalAllocated')
    call.releaseKeyValuePairs(pairs)
    return Number(total ?? 0)
  }

  /** Bytes of the arena that a run may use without its growing. */
  get reservedBytes(): number {
    return this.#reserve.sizeBytes
  }

  /** Keeps so many bytes of the arena for runs. @throws {FlexgenError} `OUT_OF_MEMORY` */
  reserve(byteLength: number): void {
    this.#reserve.ensure(byteLength)
  }

  /** Gives back the regions of the arena that nothing uses. */
  trim(): void {
    if (this.#watch !== undefined) this.#reserve.shrink()
  }

  #shrink(): void {
    if (this.#watch === undefined) return
    const { session, shrink, binding } = this.#watch
    this.#device.driver.call.streamSynchronize(this.#device.computeStream)
    this.#api.call.runWithBinding(session.pointer, shrink.pointer, binding.pointer)
  }

  release(): void {
    if (this.#watch !== undefined) {
      for (const part of ['shrink', 'allocator', 'binding', 'session'] as const) this.#watch[part].release()
      this.#watch = undefined
    }
    if (this.#watchAddress !== 0n) this.#device.driver.call.memoryFree(this.#watchAddress)
    this.#watchAddress = 0n
    this.#runOptions.release()
    if (this.#memory.device !== this.#memory.host) this.#memory.device.release()
    this.#environment.release()
  }

  /** A tiny session through which the arena is watched and trimmed. */
  async #openWatch(): Promise<void> {
    const { call, create } = this.#api
    const session = await this.create(identityModel())
    const { driver } = this.#device
    this.#watchAddress = driver.create((out) => driver.call.memoryAllocate(out, 512))
    const binding = session.createBinding()
    binding.input('input', { address: this.#watchAddress, type: 'float32', shape: [1] })
    binding.output('output', { address: this.#watchAddress + 256n, type: 'float32', shape: [1] })
    const allocator = create((out) => call.createAllocator(session.pointer, this.#memory.device.pointer, out))
    const shrink = create((out) => call.createRunOptions(out))
    const place = this.#provider === 'cuda' ? `gpu:${this.#device.ordinal}` : 'cpu:0'
    call.addRunConfigEntry(shrink, 'memory.enable_memory_arena_shrinkage', place)
    this.#watch = {
      session,
      binding,
      allocator: new NativeHandle(allocator, call.releaseAllocator),
      shrink: new NativeHandle(shrink, call.releaseRunOptions),
    }
  }

  #sessionOptions(): NativeHandle {
    const { call, create } = this.#api
    const options = new NativeHandle(
      create((out) => call.createSessionOptions(out)),
      call.releaseSessionOptions,
    )
    try {
      if (this.#environment.sharesThreads) call.disablePerSessionThreads(options.pointer)
      else call.setIntraOpNumThreads(options.pointer, 1)
      call.addSessionConfigEntry(options.pointer, 'session.use_env_allocators', '1')
      call.disableMemPattern(options.pointer)
      if (this.#provider === 'cuda') this.#appendCuda(options)
      return options
    } catch (error) {
      options.release()
      throw error
    }
  }

  #appendCuda(options: NativeHandle): void {
    const { call, create, addressOf } = this.#api
    const cuda = new NativeHandle(
      create((out) => call.createCudaOptions(out)),
      call.releaseCudaOptions,
    )
    const settings: Readonly<Record<string, string>> = {
      device_id: String(this.#device.ordinal),
      arena_extend_strategy: 'kSameAsRequested',
      // float32 means float32.
      use_tf32: '0',
    }
    const texts = Object.entries(settings).map(([key, value]) => [Buffer.from(`${key}\0`), Buffer.from(`${value}\0`)])
    try {
      const keys = BigUint64Array.from(texts, ([key]) => addressOf(key!))
      const values = BigUint64Array.from(texts, ([, value]) => addressOf(value!))
      call.updateCudaOptions(cuda.pointer, keys, values, texts.length)
      call.updateCudaOptionsWithValue(cuda.pointer, 'user_compute_stream', this.#device.computeStream)
      call.appendCuda(options.pointer, cuda.pointer)
      // What falls back to the CPU would wait for the device in the middle of a run.
      call.addSessionConfigEntry(options.pointer, 'session.disable_cpu_ep_fallback', '1')
    } finally {
      texts.length = 0
      cuda.release()
    }
  }
}
