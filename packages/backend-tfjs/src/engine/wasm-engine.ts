import { OutOfMemoryError } from '@flexgen/spec'
import type { TensorInfo } from '@tensorflow/tfjs-core'
import { dtypeOf } from './cpu-engine.ts'
import { loadPackage } from './load-package.ts'
import type { TensorEngine, TensorValues } from './tensor-engine.ts'
import { runKernel, type TfjsCore } from './tfjs-core.ts'
import { wasmArena } from './wasm-arena.ts'
import { type WasmBackend, withKernelsOf } from './wasm-module.ts'
import { wasmProducts } from './wasm-products.ts'

/**
 * Opens a WebAssembly module of its own: the kernels of TensorFlow.js with SIMD, on one thread.
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE`
 */
export async function openWasmEngine(): Promise<TensorEngine> {
  const core: TfjsCore = await loadPackage('wasm', '@tensorflow/tfjs-core', () => import('@tensorflow/tfjs-core'))
  const name = '@tensorflow/tfjs-backend-wasm'
  await loadPackage('wasm', name, () => import('@tensorflow/tfjs-backend-wasm'))
  const backend = await loadPackage('wasm', name, async () => {
    return (await core.engine().registryFactory['wasm']!.factory()) as unknown as WasmBackend
  })
  return createWasmEngine(core, backend)
}

function createWasmEngine(core: TfjsCore, backend: WasmBackend): TensorEngine {
  refuseWithoutRoom(backend)
  const place = (shape: readonly number[], dtype: 'float32' | 'int32', values?: TensorValues): TensorInfo =>
    backend.makeOutput([...shape], dtype, undefined, values)
  const view = (tensor: TensorInfo): TensorValues => backend.typedArrayFromHeap(tensor)
  const kernel: TensorEngine['kernel'] = (name, inputs, attributes = {}) =>
    runKernel(core, 'wasm', backend, name, inputs, attributes)
  const upload: TensorEngine['upload'] = (shape, fill) => {
    const tensor = place(shape, 'float32')
    fill(view(tensor) as Float32Array)
    return tensor
  }
  const dispose = ({ dataId }: TensorInfo): void => void backend.disposeData(dataId)
  return {
    description: 'TensorFlow.js in WebAssembly with SIMD, one thread',
    notices: ['the memory of the WebAssembly module grows in steps of up to a fifth and is given back at the end'],
    arena: wasmArena(() => backend.wasm.HEAPU8.byteLength),
    isRemote: false,
    sharesValues: false,
    tensorCount: () => backend.numDataIds(),
    within: (work) => withKernelsOf(core, backend, work),
    kernel,
    wrap: (shape, values) => place(shape, dtypeOf(values) as 'float32' | 'int32', values),
    upload,
    read: view,
    dispose,
    ...wasmProducts(backend, { kernel, upload, dispose }),
    close: () => backend.dispose(),
  }
}

/** TensorFlow.js takes whatever address `malloc` gives, also 0, and would write over the module's own data. */
function refuseWithoutRoom({ wasm }: WasmBackend): void {
  // The first call replaces the function in the module.
  wasm._free(wasm._malloc(1))
  const allocate = wasm._malloc.bind(wasm)
  wasm._malloc = (byteLength) => {
    const offset = allocate(byteLength)
    if (offset === 0) throw new OutOfMemoryError(`the WebAssembly module has no room for ${byteLength} bytes`)
    return offset
  }
}
