import type { OrtApi } from '../ffi/ort-api.ts'
import { NativeHandle } from '../ffi/native-handle.ts'

/**
 * ONNX Runtime's environment: one for the process, with one thread pool and one arena that all sessions share, so
 * that neither threads nor memory grow with the number of sessions.
 */
export interface Environment {
  readonly env: NativeHandle
  /** Describes host memory, of which tensors are made. */
  readonly memoryInfo: NativeHandle
  readonly threads: number
  /** Gives back one use; the last one releases the environment. */
  release(): void
}

interface SharedEnvironment extends Environment {
  uses: number
}

const onlyFatal = 4
const arenaAllocator = 1
const defaultMemory = 0
/** Grow by what is asked for: doubling would round a run's memory up to twice of it. */
const sameAsRequested = 1n

const shared = new Map<OrtApi, SharedEnvironment>()

/**
 * The environment of the process; the first use fixes the number of threads until the last one has ended.
 * @throws {FlexgenError} with ONNX Runtime's message
 */
export function acquireEnvironment(api: OrtApi, threads: number): Environment {
  let environment = shared.get(api)
  if (environment === undefined) {
    environment = createEnvironment(api, threads)
    shared.set(api, environment)
  }
  environment.uses++
  return environment
}

function createEnvironment(api: OrtApi, threads: number): SharedEnvironment {
  const { call, create } = api
  const options = new NativeHandle(
    create((out) => call.createThreadingOptions(out)),
    call.releaseThreadingOptions,
  )
  try {
    call.setGlobalIntraOpNumThreads(options.pointer, threads)
    call.setGlobalInterOpNumThreads(options.pointer, 1)
    // Idle threads sleep: spinning ones would take the cores that read and copy the next weights.
    call.setGlobalSpinControl(options.pointer, 0)
    const env = new NativeHandle(
      create((out) => call.createEnvWithGlobalThreadPools(onlyFatal, 'flexgen', options.pointer, out)),
      call.releaseEnv,
    )
    const memoryInfo = new NativeHandle(
      create((out) => call.createCpuMemoryInfo(arenaAllocator, defaultMemory, out)),
      call.releaseMemoryInfo,
    )
    registerArena(api, env, memoryInfo)
    const environment: SharedEnvironment = {
      env,
      memoryInfo,
      threads,
      uses: 0,
      release() {
        if (--environment.uses > 0) return
        shared.delete(api)
        memoryInfo.release()
        env.release()
      },
    }
    return environment
  } finally {
    options.release()
  }
}

function registerArena(api: OrtApi, env: NativeHandle, memoryInfo: NativeHandle): void {
  const { call, create } = api
  const key = Buffer.from('arena_extend_strategy\0')
  const keys = BigUint64Array.of(api.addressOf(key))
  const values = BigUint64Array.of(sameAsRequested)
  const configuration = new NativeHandle(
    create((out) => call.createArenaCfgV2(keys, values, 1, out)),
    call.releaseArenaCfg,
  )
  try {
    call.createAndRegisterAllocator(env.pointer, memoryInfo.pointer, configuration.pointer)
  } finally {
    configuration.release()
  }
}
