import type { Backend } from '@flexgen/spec'

interface FakeCuda {
  fakeDriverPath(): string
  createFakeBackend(): Promise<Backend>
  readFake(name: 'fakeDeviceBytes'): number
}

/** Only where it is asked for: what is packed for a machine with a GPU has no fake. */
function load(): Promise<FakeCuda> {
  const source = new URL('../../../backend-onnxruntime/test/cuda/fake-cuda.ts', import.meta.url)
  return import(source.href) as Promise<FakeCuda>
}

/** Path of a driver whose device memory is host memory; compiled where it is needed first. */
export async function fakeDriverPath(): Promise<string> {
  return (await load()).fakeDriverPath()
}

/** A CUDA backend on that driver; it computes with ONNX Runtime on the CPU. */
export async function createFakeBackend(): Promise<Backend> {
  return (await load()).createFakeBackend()
}

/** Tells how many bytes that driver has given. */
export async function fakeDeviceBytes(): Promise<() => number> {
  const { readFake } = await load()
  return () => readFake('fakeDeviceBytes')
}
