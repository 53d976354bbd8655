import { NativeHandle } from '../ffi/native-handle.ts'
import type { OrtApi } from '../ffi/ort-api.ts'

/** How arenas grow, on the CPU and on a GPU. */
export const arenaSettings: Readonly<Record<'arena_extend_strategy' | 'max_dead_bytes_per_chunk', number>> = {
  /** Grow by what is asked for: doubling would round a run's memory up to twice of it. */
  arena_extend_strategy: 1,
  /** Cut a free piece that is larger than what is asked for: by default up to 128 MB of it would lie idle. */
  max_dead_bytes_per_chunk: 2 ** 20,
}

/**
 * Registers an arena with these settings; ONNX Runtime keeps no part of the configuration.
 * @throws {FlexgenError} with ONNX Runtime's message
 */
export function withArenaConfiguration(api: OrtApi, register: (configuration: NativeHandle) => void): void {
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
    register(configuration)
  } finally {
    configuration.release()
    // Until here the addresses of the names are in use.
    names.length = 0
  }
}
