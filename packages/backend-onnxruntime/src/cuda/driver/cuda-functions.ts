/** An address of host memory, memory of JavaScript that receives or holds values, or null. */
export type CudaPointer = bigint | ArrayBufferView | null

/** Handles of the driver are addresses. */
export type CudaHandle = bigint

/** Flags of `hostRegister`: locked for all contexts, and seen by kernels. */
export const hostRegisterFlags = 3

/** The functions of the CUDA driver API that this package calls; a status that is no success throws. */
export interface CudaFunctions {
  init(flags: number): void
  driverGetVersion(out: CudaPointer): void
  deviceGetCount(out: CudaPointer): void
  deviceGet(out: CudaPointer, ordinal: number): void
  deviceGetName(out: CudaPointer, length: number, device: number): void
  deviceTotalMem(out: CudaPointer, device: number): void
  primaryContextRetain(out: CudaPointer, device: number): void
  primaryContextRelease(device: number): void
  contextSetCurrent(context: CudaHandle): void
  memoryGetInfo(free: CudaPointer, total: CudaPointer): void
  memoryAllocate(out: CudaPointer, byteLength: number): void
  memoryFree(address: bigint): void
  memoryFill(address: bigint, byte: number, byteLength: number, stream: CudaHandle): void
  hostGetDevicePointer(out: CudaPointer, address: bigint, flags: number): void
  copyIn(target: bigint, source: bigint, byteLength: number, stream: CudaHandle): void
  copyOut(target: bigint, source: bigint, byteLength: number, stream: CudaHandle): void
  copy(target: bigint, source: bigint, byteLength: number, stream: CudaHandle): void
  /** Takes a `CUDA_MEMCPY2D`. */
  copyRectangle(copy: CudaPointer, stream: CudaHandle): void
  hostRegister(address: bigint, byteLength: number, flags: number): void
  hostUnregister(address: bigint): void
  streamCreate(out: CudaPointer, flags: number): void
  streamDestroy(stream: CudaHandle): void
  streamSynchronize(stream: CudaHandle): void
  streamWaitEvent(stream: CudaHandle, event: CudaHandle, flags: number): void
  eventCreate(out: CudaPointer, flags: number): void
  eventDestroy(event: CudaHandle): void
  eventRecord(event: CudaHandle, stream: CudaHandle): void
  eventSynchronize(event: CudaHandle): void
  eventElapsedTime(outMs: CudaPointer, start: CudaHandle, end: CudaHandle): void
  moduleLoad(out: CudaPointer, image: CudaPointer): void
  moduleUnload(module: CudaHandle): void
  moduleGetFunction(out: CudaPointer, module: CudaHandle, name: string): void
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
    parameters: CudaPointer,
    extra: CudaPointer,
  ): void
}

/** How a parameter is passed in C: `address` and `handle` are 64-bit integers there. */
export type CudaType = 'pointer' | 'string' | 'int' | 'size' | 'address'

type TypeOf<Value> = Value extends string ? 'string' : Value extends number ? 'int' | 'size' : 'pointer' | 'address'
type TypesOf<Values extends readonly unknown[]> = { readonly [I in keyof Values]: TypeOf<Values[I]> }

/** Symbol in the library, and parameters; every function returns a status. */
export type CudaFunction<Name extends keyof CudaFunctions> = readonly [
  symbol: string,
  parameters: TypesOf<Parameters<CudaFunctions[Name]>>,
]

/** Symbols and C types; a wrong entry crashes the process. */
export const cudaFunctions: { readonly [Name in keyof CudaFunctions]: CudaFunction<Name> } = {
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
