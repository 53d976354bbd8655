import type { NodeOf } from '@flexgen/spec'
import type { TensorType } from '../../onnx/tensor-type.ts'
import type { CudaHandle } from '../driver/cuda-functions.ts'
import { blockWarps, type DeviceKernels } from './device-kernels.ts'

/** Rows `[rows, width]` of values of a type, and the scale and bias `[width]` of the same type. */
export interface NormOperands {
  readonly x: bigint
  readonly y: bigint
  readonly scale: bigint
  /** 0 where there is none. */
  readonly bias: bigint
  readonly rows: number
  readonly width: number
  readonly type: TensorType
}

/** Normalises each row; sums are float32. */
export function launchNorm(
  kernels: DeviceKernels,
  stream: CudaHandle,
  { operator, attributes }: NodeOf<'LayerNormalization' | 'RMSNormalization'>,
  { x, y, scale, bias, rows, width, type }: NormOperands,
): void {
  const kind = operator === 'LayerNormalization' ? 'layer' : 'rms'
  kernels.launch(
    {
      module: 'norm',
      name: `${kind}_norm_${type}`,
      grid: [rows, 1, 1],
      sharedBytes: 4 * blockWarps,
      addresses: [x, y, scale, bias],
      integers: [width],
      float: attributes.epsilon,
    },
    stream,
  )
}
