import { FlexgenError, InternalError } from '@flexgen/spec'
import type * as core from '@tensorflow/tfjs-core'
import type { KernelBackend, NamedAttrMap, NamedTensorInfoMap, TensorInfo } from '@tensorflow/tfjs-core'

/** What is used of the core of TensorFlow.js. */
export type TfjsCore = Pick<typeof core, 'engine' | 'getKernel' | 'getKernelsForBackend'>

/** Inputs of a kernel by name. */
export type KernelInputs = Readonly<Record<string, TensorInfo | TensorInfo[]>>

/**
 * Runs one kernel straight on a backend of TensorFlow.js, past its global engine and whatever backend that has chosen.
 * @throws {FlexgenError} `INTERNAL` with what TensorFlow.js said
 */
export function runKernel(
  { getKernel }: TfjsCore,
  backendName: string,
  backend: KernelBackend,
  name: string,
  inputs: KernelInputs,
  attributes: object,
): TensorInfo {
  const config = getKernel(name, backendName)
  if (config === undefined || config === null) throw new InternalError(`${backendName} has no kernel ${name}`)
  try {
    const result = config.kernelFunc({
      inputs: inputs as NamedTensorInfoMap,
      attrs: attributes as NamedAttrMap,
      backend,
    })
    return Array.isArray(result) ? result[0]! : result
  } catch (cause) {
    if (FlexgenError.isInstance(cause)) throw cause
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new InternalError(`the kernel ${name} of TensorFlow.js ${backendName} failed: ${message}`, { cause })
  }
}
