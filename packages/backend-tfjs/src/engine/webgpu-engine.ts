import { BackendUnavailableError } from '@flexgen/spec'
import type { KernelBackend, TensorInfo } from '@tensorflow/tfjs-core'
import { dtypeOf } from './cpu-engine.ts'
import { loadPackage } from './load-package.ts'
import { plainProducts } from './plain-products.ts'
import type { TensorEngine, TensorValues } from './tensor-engine.ts'
import { runKernel, type TfjsCore } from './tfjs-core.ts'

/** The package `webgpu`: Dawn for Node. */
interface Dawn {
  readonly globals: object
  create(flags: readonly string[]): { requestAdapter(): Promise<object | null> }
}

/**
 * Opens WebGPU through Dawn, which puts `navigator.gpu` and its classes into the globals of the process.
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE` where a package or an adapter is missing
 */
export async function openWebgpuEngine(): Promise<TensorEngine> {
  const core: TfjsCore = await loadPackage('webgpu', '@tensorflow/tfjs-core', () => import('@tensorflow/tfjs-core'))
  await offerGpu()
  const name = '@tensorflow/tfjs-backend-webgpu'
  await loadPackage('webgpu', name, () => importModule(name))
  const backend = await loadPackage('webgpu', name, async () => {
    return await core.engine().registryFactory['webgpu']!.factory()
  })
  return createRemoteEngine(core, 'webgpu', backend, 'TensorFlow.js on WebGPU through Dawn')
}

async function importModule<Module>(name: string): Promise<Module> {
  // Not a literal: few machines have it, and its types are not needed.
  return (await import(name)) as Module
}

async function offerGpu(): Promise<void> {
  const host = globalThis.navigator as { readonly gpu?: ReturnType<Dawn['create']> }
  if (host.gpu === undefined) {
    const dawn = await loadPackage('webgpu', 'webgpu', () => importModule<Dawn>('webgpu'))
    Object.assign(globalThis, dawn.globals)
    Object.defineProperty(host, 'gpu', { value: dawn.create([]), configurable: true })
  }
  const adapter = await host.gpu!.requestAdapter()
  if (adapter === null || adapter === undefined)
    throw new BackendUnavailableError('WebGPU has no adapter here', {
      hint: 'it needs a card and its Vulkan driver (on Debian: apt-get install libvulkan1)',
    })
}

/** An engine whose tensors lie on a card and whose values come later. */
export function createRemoteEngine(
  core: TfjsCore,
  backendName: string,
  backend: KernelBackend,
  description: string,
): TensorEngine {
  const wrap = (shape: readonly number[], values: TensorValues): TensorInfo => {
    const dtype = dtypeOf(values)
    // The upload may wait for the next submission: the values are copied, because their owner may change them before.
    return { dataId: backend.write(values.slice(), [...shape], dtype), shape: [...shape], dtype }
  }
  const kernel: TensorEngine['kernel'] = (name, inputs, attributes = {}) =>
    runKernel(core, backendName, backend, name, inputs, attributes)
  const upload: TensorEngine['upload'] = (shape, fill) => {
    const values = new Float32Array(shape.reduce((product, size) => product * size, 1))
    fill(values)
    const dtype = dtypeOf(values)
    return { dataId: backend.write(values, [...shape], dtype), shape: [...shape], dtype }
  }
  return {
    description,
    notices: ['attention reads queries, keys and values back from the card and uploads cached ones at every run'],
    isRemote: true,
    sharesValues: false,
    tensorCount: () => backend.numDataIds(),
    within: (work) => work(),
    kernel,
    wrap,
    upload,
    read: async ({ dataId }) => (await backend.read(dataId)) as TensorValues,
    dispose: ({ dataId }) => void backend.disposeData(dataId),
    ...plainProducts({ kernel, upload }),
    close: () => backend.dispose(),
  }
}
