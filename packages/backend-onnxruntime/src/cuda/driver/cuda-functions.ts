import type { CFunctions, CPointer } from '../../ffi/c-functions.ts'

/** Handles of the driver are addresses. */
export type CudaHandle = bigint

/** Flags of `hostRegister`: locked for all contexts, and seen by kernels. */
export const hostRegisterFlags = 3

/** The functions of the CUDA driver API that this package calls; a status that is no success throws. */
export interface CudaFunctions {
  init(flags: number): void
  driverGetVersion(out: CPointer): void
  deviceGetCount(out: CPointer): void
  deviceGet(out: CPointer, ordinal: number): void
  deviceGetName(out: CPointer, length: number, device: number): void
  deviceTotalMem(out: CPointer, device: number): void
  primaryContextRetain(out: CPointer, device: number): void
  primaryContextRelease(device: number): void
  contextSetCurrent(context: CudaHandle): void
  memoryGetInfo(free: CPointer, total: CPointer): void
  memoryAllocate(out: CPointer, byteLength: number): void
  memoryFree(address: bigint): void
  memoryFill(address: bigint, byte: number, byteLength: number, stream: CudaHandle): void
  hostGetDevicePointer(out: CPointer, address: bigint, flags: number): void
  copyIn(target: bigint, source: bigint, byteLength: number, stream: CudaHandle): void
  copyOut(target: bigint, source: bigint, byteLength: number, stream: CudaHandle): void
  copy(target: bigint, source: bigint, byteLength: number, stream: CudaHandle): void
  /** Takes a `CUDA_MEMCPY2D`. */
  copyRectangle(copy: CPointer, stream: CudaHandle): void
  hostRegister(address: bigint, byteLength: number, flags: number): void
  hostUnregister(address: bigint): void
  streamCreate(out: CPointer, flags: number): void
  streamDestroy(stream: CudaHandle): void
  streamSynchronize(stream: CudaHandle): void
  streamWaitEvent(stream: CudaHandle, event: CudaHandle, flags: number): void
  eventCreate(out: CPointer, flags: number): void
  eventDestroy(event: CudaHandle): void
  eventRecord(event: CudaHandle, stream: CudaHandle): void
  eventSynchronize(event: CudaHandle): void
  eventElapsedTime(outMs: CPointer, start: CudaHandle, end: CudaHandle): void
  moduleLoad(out: CPointer, image: CPointer): void
  moduleUnload(module: CudaHandle): void
  moduleGetFunction(out: CPointer, module: CudaHandle, name: string): void
  functionSetAttribute(func: CudaHandle, attribute: number, value: number): void
  launch(
    func: CudaHandle,
    gridX: number,
    gridY: number,
    gridZ: number,
    blockX: number,
    blockY: number,
    blockZ: number,
    sharedBytes: number,
    stream: CudaHandle,
    parameters: CPointer,
    extra: CPointer,
  ): void
}

/** Symbols and C types. */
export const cudaFunctions: CFunctions<CudaFunctions> = {
  init: ['cuInit', ['int']],
  driverGetVersion: ['cuDriverGetVersion', ['pointer']],
  deviceGetCount: ['cuDeviceGetCount', ['pointer']],
  deviceGet: ['cuDeviceGet', ['pointer', 'int']],
  deviceGetName: ['cuDeviceGetName', ['pointer', 'int', 'int']],
  deviceTotalMem: ['cuDeviceTotalMem_v2', ['pointer', 'int']],
  primaryContextRetain: ['cuDevicePrimaryCtxRetain', ['pointer', 'int']],
  primaryContextRelease: ['cuDevicePrimaryCtxRelease_v2', ['int']],
  contextSetCurrent: ['cuCtxSetCurrent', ['address']],
  memoryGetInfo: ['cuMemGetInfo_v2', ['pointer', 'pointer']],
  memoryAllocate: ['cuMemAlloc_v2', ['pointer', 'size']],
  memoryFree: ['cuMemFree_v2', ['address']],
  memoryFill: ['cuMemsetD8Async', ['address', 'int', 'size', 'address']],
  copyIn: ['cuMemcpyHtoDAsync_v2', ['address', 'address', 'size', 'address']],
  copyOut: ['cuMemcpyDtoHAsync_v2', ['address', 'address', 'size', 'address']],
  copy: ['cuMemcpyDtoDAsync_v2', ['address', 'address', 'size', 'address']],
  copyRectangle: ['cuMemcpy2DAsync_v2', ['pointer', 'address']],
  hostGetDevicePointer: ['cuMemHostGetDevicePointer_v2', ['pointer', 'address', 'int']],
  hostRegister: ['cuMemHostRegister_v2', ['address', 'size', 'int']],
  hostUnregister: ['cuMemHostUnregister', ['address']],
  streamCreate: ['cuStreamCreate', ['pointer', 'int']],
  streamDestroy: ['cuStreamDestroy_v2', ['address']],
  streamSynchronize: ['cuStreamSynchronize', ['address']],
  streamWaitEvent: ['cuStreamWaitEvent', ['address', 'address', 'int']],
  eventCreate: ['cuEventCreate', ['pointer', 'int']],
  eventDestroy: ['cuEventDestroy_v2', ['address']],
  eventRecord: ['cuEventRecord', ['address', 'address']],
  eventSynchronize: ['cuEventSynchronize', ['address']],
  eventElapsedTime: ['cuEventElapsedTime', ['pointer', 'address', 'address']],
  moduleLoad: ['cuModuleLoadData', ['pointer', 'pointer']],
  moduleUnload: ['cuModuleUnload', ['address']],
  moduleGetFunction: ['cuModuleGetFunction', ['pointer', 'address', 'string']],
  functionSetAttribute: ['cuFuncSetAttribute', ['address', 'int', 'int']],
  launch: [
    'cuLaunchKernel',
    ['address', 'int', 'int', 'int', 'int', 'int', 'int', 'int', 'address', 'pointer', 'pointer'],
  ],
}
