import { type GroupDType, q4Group } from '@flexgen/spec'
import type { TensorType } from '../../onnx/tensor-type.ts'
import type { CudaHandle } from '../driver/cuda-functions.ts'
import { blockThreads, type DeviceKernels } from './device-kernels.ts'

/** Rows of a table, by the place of their int32 indices. */
export interface RowIndices {
  readonly address: bigint
  readonly count: number
  readonly offset: number
}

/** Plain values from groups and back. A matrix `[rows, width]` lies flat: everything but the last axis is rows. */
export class GroupKernels {
  readonly #kernels: DeviceKernels
  readonly #stream: CudaHandle

  constructor(kernels: DeviceKernels, stream: CudaHandle) {
    this.#kernels = kernels
    this.#stream = stream
  }

  /** Writes values as groups along the width. */
  quantize(target: bigint, source: bigint, rows: number, width: number, type: TensorType): void {
    const blocks = Math.ceil((q4Groups(width) * 8) / blockThreads)
    this.#launch(`quantize_rows_${type}`, [rows, blocks, 1], source, target, [rows, width])
  }

  /** Writes the values of groups. */
  dequantize(target: bigint, source: bigint, rows: number, width: number, dtype: GroupDType, type: TensorType): void {
    const isColumns = dtype === 'q4g64c'
    const grid = isColumns ? [q4Groups(rows), Math.ceil(width / blockThreads)] : [rows, wordBlocks(width)]
    const name = `dequantize_${isColumns ? 'columns' : 'rows'}_${type}`
    this.#launch(name, [grid[0]!, grid[1]!, 1], source, target, [rows, width])
  }

  /** Writes the values of some rows of a table of groups along the width. */
  gather(target: bigint, table: bigint, indices: RowIndices, width: number, type: TensorType): void {
    const { address, count, offset } = indices
    const grid = [count, wordBlocks(width), 1] as const
    this.#launch(`dequantize_rows_${type}`, grid, table, target, [count, width, offset], address)
  }

  #launch(
    name: string,
    grid: readonly [number, number, number],
    source: bigint,
    target: bigint,
    integers: readonly number[],
    indices = 0n,
  ): void {
    this.#kernels.launch({ module: 'groups', name, grid, addresses: [source, target, indices], integers }, this.#stream)
  }
}

/** Groups of a line. */
function q4Groups(width: number): number {
  return Math.ceil(width / q4Group.values)
}

/** Blocks whose threads take eight values each. */
function wordBlocks(width: number): number {
  return Math.ceil(width / 8 / blockThreads)
}
