import { readFileSync } from 'node:fs'
import type { DType, NodeOf } from '@flexgen/spec'
import type { TensorType } from '../../onnx/tensor-type.ts'
import type { CudaDriver } from '../driver/cuda-driver.ts'
import type { CudaHandle } from '../driver/cuda-functions.ts'

/** Where attention reads and writes, `[batch * seq, width]` each. */
export interface AttentionOperands {
  readonly q: bigint
  readonly k: bigint
  readonly v: bigint
  readonly y: bigint
  /** `rowBytes` for each row of the batch, as `writeRow` writes them. */
  readonly rows: bigint
}

/** Types of activations and of the cache. */
export interface AttentionTypes {
  readonly compute: TensorType
  readonly cache: DType
}

/** Sizes of a launch. */
export interface AttentionSizes {
  readonly batch: number
  readonly seq: number
  readonly maxPositions: number
}

/** New tokens of one row, and where its keys and values lie. */
export interface AttentionRow {
  readonly keys: bigint
  readonly values: bigint
  readonly start: number
  readonly count: number
  /** Past positions that a sparse decode keeps; undefined where all are attended. */
  readonly keep: number | undefined
}

/** Bytes of a row's description. */
export const attentionRowBytes = 32

/** Writes a row's description, as the kernels read it. */
export function writeAttentionRow(target: DataView, index: number, row: AttentionRow): void {
  const at = index * attentionRowBytes
  target.setBigUint64(at, row.keys, true)
  target.setBigUint64(at + 8, row.values, true)
  target.setInt32(at + 16, row.start, true)
  target.setInt32(at + 20, row.count, true)
  target.setInt32(at + 24, row.keep ?? -1, true)
  target.setInt32(at + 28, 0, true)
}

const threads = 256
const warps = 8
const parameterBytes = 72
/** A block may use more shared memory than this only where the function says so. */
const plainSharedBytes = 48 * 1024
const maxSharedAttribute = 8
const image = new URL('../../../native/attention.ptx', import.meta.url)

/** Own kernels for attention on rows that lie anywhere; loaded when first needed. */
export class AttentionKernels {
  readonly #driver: CudaDriver
  readonly #functions = new Map<string, CudaHandle>()
  readonly #parameters = new ArrayBuffer(parameterBytes)
  readonly #pointers: BigUint64Array
  #module: CudaHandle | undefined
  readonly #sharedBytes = new Map<CudaHandle, number>()

  constructor(driver: CudaDriver) {
    this.#driver = driver
    this.#pointers = BigUint64Array.of(driver.addressOf(new Uint8Array(this.#parameters)))
  }

  /** Writes the new keys and values to their rows, then attends. */
  launch(
    { attributes }: NodeOf<'Attention'>,
    types: AttentionTypes,
    operands: AttentionOperands,
    { batch, seq, maxPositions }: AttentionSizes,
    stream: CudaHandle,
  ): void {
    const { heads, kvHeads, headDim, scale } = attributes
    const { call } = this.#driver
    const view = new DataView(this.#parameters)
    const addresses = [operands.q, operands.k, operands.v, operands.y, operands.rows]
    addresses.forEach((address, i) => view.setBigUint64(8 * i, address, true))
    const numbers = [batch, seq, heads, kvHeads, headDim, maxPositions]
    numbers.forEach((number, i) => view.setInt32(40 + 4 * i, number, true))
    view.setFloat32(64, scale, true)
    const sharedBytes = 4 * (headDim + threads + warps + maxPositions)
    const variant = `${types.compute}_${types.cache}`
    const append = this.#function(`append_${variant}`)
    const attend = this.#function(`attend_${variant}`)
    if (sharedBytes > (this.#sharedBytes.get(attend) ?? plainSharedBytes)) {
      call.functionSetAttribute(attend, maxSharedAttribute, sharedBytes)
      this.#sharedBytes.set(attend, sharedBytes)
    }
    call.launch(append, seq, batch, 1, threads, 1, 1, 0, stream, this.#pointers, null)
    call.launch(attend, heads, seq, batch, threads, 1, 1, sharedBytes, stream, this.#pointers, null)
  }

  release(): void {
    if (this.#module !== undefined) this.#driver.call.moduleUnload(this.#module)
    this.#module = undefined
    this.#functions.clear()
    this.#sharedBytes.clear()
  }

  #function(name: string): CudaHandle {
    const { call, create } = this.#driver
    this.#module ??= create((out) => call.moduleLoad(out, Buffer.concat([readFileSync(image), Buffer.alloc(1)])))
    let found = this.#functions.get(name)
    if (found === undefined) {
      found = create((out) => call.moduleGetFunction(out, this.#module!, name))
      this.#functions.set(name, found)
    }
    return found
  }
}
