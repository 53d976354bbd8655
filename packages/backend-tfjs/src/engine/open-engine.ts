import { UsageError } from '@flexgen/spec'
import { openCpuEngine } from './cpu-engine.ts'
import { type EngineName, engineNames } from './engine-name.ts'
import { openNodeEngine } from './node-engine.ts'
import type { TensorEngine } from './tensor-engine.ts'
import { openWasmEngine } from './wasm-engine.ts'
import { openWebgpuEngine } from './webgpu-engine.ts'

/**
 * Loads the packages of an engine and opens it.
 * @throws {FlexgenError} `USAGE` for an unknown engine, `BACKEND_UNAVAILABLE` where it does not work here
 */
export async function openEngine(name: EngineName): Promise<TensorEngine> {
  switch (name) {
    case 'cpu':
      return openCpuEngine()
    case 'wasm':
      return openWasmEngine()
    case 'node':
    case 'node-gpu':
      return openNodeEngine(name)
    case 'webgpu':
      return openWebgpuEngine()
    default:
      throw new UsageError(`TensorFlow.js has no engine '${String(name)}'`, {
        hint: `one of: ${engineNames.join(', ')}`,
      })
  }
}
