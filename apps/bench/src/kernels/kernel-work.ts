import type { Backend, Binding, HostBuffer, Kernel, Span } from '@flexgen/spec'

/** A kernel with as many bindings as keep what it reads out of every cache. */
export interface KernelWork extends AsyncDisposable {
  readonly kernel: Kernel
  readonly bindings: readonly Binding[]
  /** Weights or KV that a run reads. */
  readonly readBytes: number
  /** Products that are added to sums. */
  readonly multiplies: number
}

/** The end of a piece of work: its kernel, then its memory. */
export async function endWork(
  backend: Backend,
  kernel: Kernel,
  buffers: readonly Parameters<Backend['free']>[0][],
): Promise<void> {
  await kernel[Symbol.asyncDispose]()
  for (const buffer of buffers) backend.free(buffer)
}

/** The numbers of a span of int32. */
export function intsOf({ buffer }: Span<HostBuffer>): Int32Array {
  return new Int32Array(buffer.bytes.buffer, buffer.bytes.byteOffset, buffer.byteLength / 4)
}
