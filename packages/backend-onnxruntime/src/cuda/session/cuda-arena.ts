import { NativeHandle } from '../../ffi/native-handle.ts'
import type { OrtApi } from '../../ffi/ort-api.ts'

const defaultMemory = 0
const deviceAllocator = 0
const arenaSettings = {
  /** Grow by what is asked for: doubling would take up to twice of what runs need. */
  arena_extend_strategy: 1,
  /** Cut a free piece that is larger than what is asked for. */
  max_dead_bytes_per_chunk: 2 ** 20,
}

/** Describes memory of a GPU. */
export function cudaMemoryInfo(api: OrtApi, ordinal: number): NativeHandle {
  const { call, create } = api
  return new NativeHandle(
    create((out) => call.createMemoryInfo('Cuda', deviceAllocator, ordinal, defaultMemory, out)),
    call.releaseMemoryInfo,
  )
}

const registered = new WeakSet<NativeHandle>()

/**
 * Registers one arena of device memory with the environment, for all its sessions.
 * @throws {FlexgenError} with ONNX Runtime's message, such as where the CUDA provider cannot be loaded
 */
export function registerCudaArena(api: OrtApi, env: NativeHandle, memoryInfo: NativeHandle): void {
  if (registered.has(env)) return
  const { call, create } = api
  const settings = Object.entries(arenaSettings)
  const names = settings.map(([name]) => Buffer.from(`${name}\0`))
  const keys = BigUint64Array.from(names, (name) => api.addressOf(name))
  const values = BigUint64Array.from(settings, ([, value]) => BigInt(value))
  const configuration = new NativeHandle(
    create((out) => call.createArenaCfgV2(keys, values, settings.length, out)),
    call.releaseArenaCfg,
  )
  try {
    call.createAndRegisterAllocatorV2(
      env.pointer,
      'CUDAExecutionProvider',
      memoryInfo.pointer,
      configuration.pointer,
      null,
      null,
      0,
    )
    registered.add(env)
  } finally {
    configuration.release()
    names.length = 0
  }
}
