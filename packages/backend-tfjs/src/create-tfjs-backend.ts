import { type Backend, type Clock, systemClock } from '@flexgen/spec'
import { createBackendOn } from './create-backend-on.ts'
import type { EngineName } from './engine/engine-name.ts'
import { openEngine } from './engine/open-engine.ts'

/** Which TensorFlow.js computes. */
export interface TfjsBackendOptions {
  /** `wasm` by default: the fastest that needs no native library. */
  readonly engine?: EngineName
  readonly clock?: Clock
}

/**
 * Makes a backend over an engine of TensorFlow.js, in float32. Buffers and caches are host memory whatever the engine;
 * tensors live for a run, or as long as a prepared kernel.
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE` where the engine does not work here, `USAGE` for an unknown one
 */
export async function createTfjsBackend(options: TfjsBackendOptions = {}): Promise<Backend> {
  const { engine: name = 'wasm', clock = systemClock } = options
  return createBackendOn(await openEngine(name), name, clock)
}
