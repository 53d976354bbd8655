import { NativeHandle } from '../../ffi/native-handle.ts'
import type { OrtApi } from '../../ffi/ort-api.ts'
import { withArenaConfiguration } from '../../sessions/arena-configuration.ts'

const defaultMemory = 0
const deviceAllocator = 0

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
  withArenaConfiguration(api, (configuration) =>
    api.call.createAndRegisterAllocatorV2(
      env.pointer,
      'CUDAExecutionProvider',
      memoryInfo.pointer,
      configuration.pointer,
      null,
      null,
      0,
    ),
  )
  registered.add(env)
}
