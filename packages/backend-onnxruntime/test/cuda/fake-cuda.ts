import type { Backend } from '@flexgen/spec'
import { createOnnxRuntimeCudaBackend, type OnnxRuntimeCudaOptions } from '../../src/index.ts'
import { findLibrary } from '../../src/ffi/find-library.ts'
import { loadKoffi } from '../../src/ffi/koffi-library.ts'
import { buildFakeDriver } from './build-fake-cuda.ts'

const koffi = await loadKoffi()

/** The library of the fake driver. */
export const fakeDriverPath = buildFakeDriver

type FakeInt = 'fakeDeviceCount' | 'fakeLateQueries' | 'fakeFailAllocation' | 'fakeFailRegister' | 'fakeFailProduct'
type FakeLong =
  | 'fakeAwaitedCopies'
  | 'fakeDeviceBytes'
  | 'fakeHandles'
  | 'fakeModules'
  | 'fakeProductHandles'
  | 'fakeRegistered'
  | 'fakeRefused'

const loaded: { library?: ReturnType<typeof koffi.load> } = {}

function memoryOf(name: FakeInt | FakeLong, byteLength: number): ArrayBuffer {
  loaded.library ??= koffi.load(fakeDriverPath())
  const address = koffi.address(loaded.library.symbol(name, 'int'))
  return koffi.view(address, byteLength)
}

/** Sets what the fake driver does. */
export function setFake(name: FakeInt, value: number): void {
  new Int32Array(memoryOf(name, 4))[0] = value
}

/** Reads what the fake driver has counted. */
export function readFake(name: FakeLong): number {
  return Number(new BigInt64Array(memoryOf(name, 8))[0])
}

/** A CUDA backend on the fake driver, which computes with ONNX Runtime on the CPU in float32. */
export function createFakeBackend(options: OnnxRuntimeCudaOptions = {}): Promise<Backend> {
  return createOnnxRuntimeCudaBackend({
    ...options,
    driverPath: fakeDriverPath(),
    cublasLtPath: fakeDriverPath(),
    libraryPath: findLibrary(''),
    sessionProvider: 'cpu',
  })
}
