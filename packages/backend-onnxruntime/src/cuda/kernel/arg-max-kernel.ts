import type { TensorType } from '../../onnx/tensor-type.ts'
import type { CudaHandle } from '../driver/cuda-functions.ts'
import { blockWarps, type DeviceKernels } from './device-kernels.ts'

/** Rows `[rows, width]` of values of a type, and where their int32 indices go. */
export interface ArgMaxOperands {
  readonly source: bigint
  readonly target: bigint
  readonly rows: number
  readonly width: number
  readonly type: TensorType
}

/** Writes the index of the largest value of each row, the first of equals. */
export function launchArgMax(
  kernels: DeviceKernels,
  stream: CudaHandle,
  { source, target, rows, width, type }: ArgMaxOperands,
): void {
  kernels.launch(
    {
      module: 'arg-max',
      name: `arg_max_${type}`,
      grid: [rows, 1, 1],
      sharedBytes: 2 * 4 * blockWarps,
      addresses: [source, target],
      integers: [width],
    },
    stream,
  )
}
