import type { DataType, TensorInfo } from '@tensorflow/tfjs-core'
import { loadPackage } from './load-package.ts'
import { plainProducts } from './plain-products.ts'
import type { TensorEngine, TensorValues } from './tensor-engine.ts'
import { runKernel, type TfjsCore } from './tfjs-core.ts'

/**
 * Opens the engine of plain JavaScript: tensors are typed arrays, nothing is copied.
 * @throws {FlexgenError} `BACKEND_UNAVAILABLE`
 */
export async function openCpuEngine(): Promise<TensorEngine> {
  const core: TfjsCore = await loadPackage('cpu', '@tensorflow/tfjs-core', () => import('@tensorflow/tfjs-core'))
  const load = () => import('@tensorflow/tfjs-backend-cpu')
  const { MathBackendCPU } = await loadPackage('cpu', '@tensorflow/tfjs-backend-cpu', load)
  const backend = new MathBackendCPU()
  // It would advertise tfjs-node on the console at first use.
  Object.assign(backend, { firstUse: false })
  const wrap = (shape: readonly number[], values: TensorValues): TensorInfo =>
    backend.makeTensorInfo([...shape], dtypeOf(values), values)
  const kernel: TensorEngine['kernel'] = (name, inputs, attributes = {}) =>
    runKernel(core, 'cpu', backend, name, inputs, attributes)
  const upload: TensorEngine['upload'] = (shape, fill) => {
    const values = new Float32Array(shape.reduce((product, size) => product * size, 1))
    fill(values)
    return wrap(shape, values)
  }
  return {
    description: 'TensorFlow.js in plain JavaScript',
    notices: [],
    isRemote: false,
    sharesValues: true,
    tensorCount: () => backend.numDataIds(),
    within: (work) => work(),
    kernel,
    wrap,
    upload,
    read: ({ dataId }) => backend.readSync(dataId) as TensorValues,
    dispose: ({ dataId }) => void backend.disposeData(dataId),
    ...plainProducts({ kernel, upload }),
    close: () => backend.dispose(),
  }
}

/** Name of the dtype of values. */
export function dtypeOf(values: TensorValues): DataType {
  return values instanceof Float32Array ? 'float32' : 'int32'
}
