import { BackendUnavailableError, FlexgenError } from '@flexgen/spec'
import type { DataId, KernelBackend, Tensor, TensorInfo } from '@tensorflow/tfjs-core'
import { dtypeOf } from './cpu-engine.ts'
import { loadPackage } from './load-package.ts'
import { restoreRemovedUtilities } from './node-shims.ts'
import { plainProducts } from './plain-products.ts'
import type { TensorEngine, TensorValues } from './tensor-engine.ts'
import { runKernel, type TfjsCore } from './tfjs-core.ts'

/** What tfjs-node registers in the global engine. */
interface NodeBackend extends KernelBackend {
  readonly isUsingGpuDevice: boolean
  readSync(dataId: DataId): TensorValues
}

const backendName = 'tensorflow'

/**
 * Opens libtensorflow through tfjs-node or tfjs-node-gpu. There is one in a process; all backends share it.
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE`, also where the native library was not fetched at installation
 */
export async function openNodeEngine(
  name: 'node' | 'node-gpu',
  load: (packageName: string) => Promise<TfjsCore> = importNode,
): Promise<TensorEngine> {
  const packageName = name === 'node' ? '@tensorflow/tfjs-node' : '@tensorflow/tfjs-node-gpu'
  const shims = restoreRemovedUtilities()
  // It would take all memory of the card at once.
  if (name === 'node-gpu') process.env['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true'
  const core: TfjsCore = await loadPackage(name, packageName, () => load(packageName)).catch((error: unknown) => {
    throw withoutLibrary(error, packageName)
  })
  const backend = core.engine().findBackend(backendName) as NodeBackend
  if (name === 'node-gpu' && !backend.isUsingGpuDevice)
    throw new BackendUnavailableError('tfjs-node-gpu found no CUDA device that its libtensorflow can use', {
      hint: "its libtensorflow 2.9.1 needs CUDA 11.2 and cuDNN 8.1; take another backend, or build it with a newer one (see the package's README)",
    })
  const notices =
    shims.length === 0 ? [] : [`tfjs-node needs util.${shims[0]} and ${shims.length - 1} others, which were put back`]
  return createNodeEngine(core, backend, name, notices)
}

async function importNode(packageName: string): Promise<TfjsCore> {
  // Not a literal: the types of these packages are not needed, and most machines have neither.
  return (await import(packageName)) as TfjsCore
}

/** tfjs-node without its native library throws at import; says what is missing and how to give one. */
function withoutLibrary(error: unknown, packageName: string): unknown {
  if (!FlexgenError.isInstance(error)) return error
  const text = String((error.cause as Error | undefined)?.message ?? '')
  if (!/tfjs_binding|libtensorflow|ERR_DLOPEN_FAILED/.test(text)) return error
  return new BackendUnavailableError(`${packageName} is installed without its native library: ${text.split('\n')[0]}`, {
    hint: `run 'npm rebuild ${packageName}' with install scripts allowed, which downloads libtensorflow; or put a libtensorflow into its deps/lib and deps/include and run 'npx node-pre-gyp install --build-from-source' in its folder (see the README of @flexgen/backend-tfjs)`,
    cause: error.cause,
  })
}

function createNodeEngine(
  core: TfjsCore,
  backend: NodeBackend,
  name: 'node' | 'node-gpu',
  notices: readonly string[],
): TensorEngine {
  const engine = core.engine()
  // Tensors of the global engine, which counts them: some kernels take no other.
  const wrap = (shape: readonly number[], values: TensorValues): TensorInfo => {
    const dtype = dtypeOf(values)
    const dataId = backend.write(values, [...shape], dtype)
    return engine.makeTensorFromTensorInfo({ dataId, shape: [...shape], dtype }, backend)
  }
  const kernel: TensorEngine['kernel'] = (kernelName, inputs, attributes = {}) =>
    runKernel(core, backendName, backend, kernelName, inputs, attributes)
  const upload: TensorEngine['upload'] = (shape, fill) => {
    const values = new Float32Array(shape.reduce((product, size) => product * size, 1))
    fill(values)
    return wrap(shape, values)
  }
  return {
    description: `TensorFlow.js on libtensorflow${backend.isUsingGpuDevice ? ', CUDA' : ''}`,
    notices,
    isRemote: name === 'node-gpu',
    sharesValues: name === 'node',
    tensorCount: () => backend.numDataIds(),
    within: (work) => {
      // Its kernels call the global engine in places, which must have chosen it then.
      const before = engine.backendName
      if (before === backendName) return work()
      void engine.setBackend(backendName)
      try {
        return work()
      } finally {
        if (before) void engine.setBackend(before)
      }
    },
    kernel,
    wrap,
    upload,
    read: ({ dataId }) => backend.readSync(dataId),
    dispose: (tensor) => (tensor as Tensor).dispose(),
    ...plainProducts({ kernel, upload }),
    close: () => undefined,
  }
}
