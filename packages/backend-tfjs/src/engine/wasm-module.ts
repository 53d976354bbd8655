import type { KernelBackend } from '@tensorflow/tfjs-core'
import type { TfjsCore } from './tfjs-core.ts'

/** What is used of a backend of tfjs-backend-wasm: one WebAssembly module with its own memory. */
export interface WasmBackend extends KernelBackend {
  readonly wasm: { readonly HEAPU8: Uint8Array; _malloc(byteLength: number): number; _free(offset: number): void }
  readonly dataIdMap: { get(dataId: object): { memoryOffset: number } }
  makeOutput(
    shape: number[],
    dtype: 'float32' | 'int32',
    memoryOffset?: number,
    values?: Float32Array | Int32Array,
  ): { dataId: object; shape: number[]; dtype: 'float32' | 'int32' }
  typedArrayFromHeap(tensor: { dataId: object; shape: number[]; dtype: string }): Float32Array | Int32Array
}

/**
 * The kernels of tfjs-backend-wasm keep their entry points in variables of their modules, so that they work for the
 * module that was set up last. This is the one, where it is ours.
 */
let bound: WasmBackend | undefined

/**
 * Runs a piece of work with the kernels bound to one module. Where the global engine of TensorFlow.js has a module of
 * its own (the application uses it, too), its kernels are bound again afterwards.
 */
export function withKernelsOf<Result>(core: TfjsCore, backend: WasmBackend, work: () => Result): Result {
  const applications = core.engine().registry['wasm']
  if (bound !== backend || applications !== undefined) bindKernels(core, backend)
  bound = backend
  try {
    return work()
  } finally {
    if (applications !== undefined) {
      bindKernels(core, applications)
      bound = undefined
    }
  }
}

function bindKernels(core: TfjsCore, backend: KernelBackend): void {
  for (const { setupFunc } of core.getKernelsForBackend('wasm')) setupFunc?.(backend)
}
