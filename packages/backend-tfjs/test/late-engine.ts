import { setImmediate } from 'node:timers/promises'
import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu'
import * as core from '@tensorflow/tfjs-core'
import type { TensorEngine } from '../src/engine/tensor-engine.ts'
import { createRemoteEngine } from '../src/engine/webgpu-engine.ts'

/** The engine of cards over plain JavaScript: every tensor is a copy and values come some turns later. */
export async function openLateEngine(): Promise<TensorEngine> {
  const backend = new MathBackendCPU()
  Object.assign(backend, { firstUse: false })
  const read = backend.read.bind(backend)
  backend.read = async (dataId) => {
    await setImmediate()
    return await read(dataId)
  }
  return createRemoteEngine(core, 'cpu', backend, 'plain JavaScript that answers late')
}
