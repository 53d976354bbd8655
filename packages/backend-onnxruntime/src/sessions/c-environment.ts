import type { OrtApi } from '../ffi/ort-api.ts'
import { NativeHandle } from '../ffi/native-handle.ts'
import { withArenaConfiguration } from './arena-configuration.ts'

/**
 * ONNX Runtime's environment: one for the process, with one thread pool and one arena that all sessions share, so
 * that neither threads nor memory grow with the number of sessions.
 */
export interface Environment {
  readonly env: NativeHandle
  /** Describes host memory, of which tensors are made. */
  readonly memoryInfo: NativeHandle
  readonly threads: number
  /**
   * Whether sessions share the threads. Somebody else in the process, such as the JavaScript API, may have made the
   * environment first, without threads: then `CRuntime` finds out, and every session has threads of its own.
   */
  sharesThreads: boolean
  /** Gives back one use; the last one releases the environment. */
  release(): void
}

interface SharedEnvironment extends Environment {
  uses: number
}

const onlyFatal = 4
const arenaAllocator = 1
const defaultMemory = 0

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
    withArenaConfiguration(api, (configuration) =>
      call.createAndRegisterAllocator(env.pointer, memoryInfo.pointer, configuration.pointer),
    )
    const environment: SharedEnvironment = {
      env,
      memoryInfo,
      threads,
      sharesThreads: true,
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
