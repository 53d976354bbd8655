import type { Backend } from '@flexgen/spec'

/** A CUDA backend on a driver whose device memory is host memory; it computes with ONNX Runtime on the CPU. */
export async function createFakeBackend(): Promise<Backend> {
  // Only where it is asked for: what is packed for a machine with a GPU has no fake.
  const source = new URL('../../../backend-onnxruntime/test/cuda/fake-cuda.ts', import.meta.url)
  const fake = (await import(source.href)) as { createFakeBackend(): Promise<Backend> }
  return fake.createFakeBackend()
}
