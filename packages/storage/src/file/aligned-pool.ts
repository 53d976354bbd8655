import { OutOfMemoryError } from '@flexgen/spec'
import { blockBytes } from '../tier/piece-bytes.ts'

/** A few page-aligned buffers of one size. */
export interface AlignedPool {
  /** Bytes that the pool holds: none before the first `take`. */
  readonly heldBytes: number
  /** A free buffer; waits for one where all are in use. @throws {OutOfMemoryError} */
  take(): Promise<Uint8Array>
  give(buffer: Uint8Array): void
}

/** TypeScript knows WebAssembly only with the types of a browser. */
declare const WebAssembly: {
  readonly Memory: new (size: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer }
}

const wasmPageBytes = 65_536

/**
 * Makes a pool of page-aligned buffers, as direct reads need them.
 *
 * The memory is that of a WebAssembly memory: the engine maps it in whole pages, so it needs no native package and
 * no address. It is never grown, so it never moves.
 */
export function createAlignedPool(count: number, bufferBytes: number): AlignedPool {
  const strideBytes = Math.ceil(bufferBytes / blockBytes) * blockBytes
  const pages = Math.ceil((count * strideBytes) / wasmPageBytes)
  let free: Uint8Array[] | undefined
  const waiting: ((buffer: Uint8Array) => void)[] = []
  const create = (): Uint8Array[] => {
    try {
      const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages })
      return Array.from({ length: count }, (_, i) => new Uint8Array(buffer, i * strideBytes, strideBytes))
    } catch (error) {
      throw new OutOfMemoryError(`cannot allocate ${pages * wasmPageBytes} bytes for direct reads`, { cause: error })
    }
  }
  return {
    get heldBytes() {
      return free === undefined ? 0 : pages * wasmPageBytes
    },
    async take() {
      free ??= create()
      return free.pop() ?? new Promise((resolve) => waiting.push(resolve))
    },
    give(buffer) {
      const next = waiting.shift()
      if (next === undefined) free?.push(buffer)
      else next(buffer)
    },
  }
}
