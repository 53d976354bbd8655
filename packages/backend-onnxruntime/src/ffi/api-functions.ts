/** An address, memory of JavaScript, or null. */
export type Pointer = bigint | ArrayBufferView | null

type Status = void
type Release = (object: Pointer) => void

/** The functions of `OrtApi` that this package calls; `out` receives a pointer. A failed status throws. */
export interface OrtFunctions {
  getErrorCode(status: Pointer): number
  getErrorMessage(status: Pointer): string
  createSessionFromArray(env: Pointer, model: Pointer, bytes: number, options: Pointer, out: Pointer): Status
  createSessionOptions(out: Pointer): Status
  disableMemPattern(options: Pointer): Status
  setIntraOpNumThreads(options: Pointer, threads: number): Status
  createRunOptions(out: Pointer): Status
  createTensorWithData(
    memoryInfo: Pointer,
    data: Pointer,
    bytes: number,
    dimensions: Pointer,
    rank: number,
    elementType: number,
    out: Pointer,
  ): Status
  createMemoryInfo(name: string, allocatorType: number, device: number, memoryType: number, out: Pointer): Status
  createCpuMemoryInfo(allocatorType: number, memoryType: number, out: Pointer): Status
  allocatorAlloc(allocator: Pointer, bytes: number, out: Pointer): Status
  allocatorFree(allocator: Pointer, memory: Pointer): Status
  releaseEnv: Release
  releaseStatus: Release
  releaseMemoryInfo: Release
  releaseSession: Release
  releaseValue: Release
  releaseRunOptions: Release
  releaseSessionOptions: Release
  createEnvWithGlobalThreadPools(logLevel: number, logId: string, threading: Pointer, out: Pointer): Status
  disablePerSessionThreads(options: Pointer): Status
  createThreadingOptions(out: Pointer): Status
  releaseThreadingOptions: Release
  addSessionConfigEntry(options: Pointer, key: string, value: string): Status
  createAllocator(session: Pointer, memoryInfo: Pointer, out: Pointer): Status
  releaseAllocator: Release
  runWithBinding(session: Pointer, runOptions: Pointer, binding: Pointer): Status
  createIoBinding(session: Pointer, out: Pointer): Status
  releaseIoBinding: Release
  bindInput(binding: Pointer, name: string, value: Pointer): Status
  bindOutput(binding: Pointer, name: string, value: Pointer): Status
  createAndRegisterAllocator(env: Pointer, memoryInfo: Pointer, arena: Pointer): Status
  setGlobalIntraOpNumThreads(threading: Pointer, threads: number): Status
  setGlobalInterOpNumThreads(threading: Pointer, threads: number): Status
  setGlobalSpinControl(threading: Pointer, spin: number): Status
  releaseArenaCfg: Release
  createArenaCfgV2(keys: Pointer, values: Pointer, count: number, out: Pointer): Status
  addRunConfigEntry(runOptions: Pointer, key: string, value: string): Status
  appendCuda(options: Pointer, cudaOptions: Pointer): Status
  createCudaOptions(out: Pointer): Status
  updateCudaOptions(cudaOptions: Pointer, keys: Pointer, values: Pointer, count: number): Status
  releaseCudaOptions: Release
  addExternalInitializers(options: Pointer, names: Pointer, values: Pointer, count: number): Status
  createAndRegisterAllocatorV2(
    env: Pointer,
    provider: string,
    memoryInfo: Pointer,
    arena: Pointer,
    keys: Pointer,
    values: Pointer,
    count: number,
  ): Status
  updateCudaOptionsWithValue(cudaOptions: Pointer, key: string, value: Pointer): Status
  getKeyValue(pairs: Pointer, key: string): string | null
  releaseKeyValuePairs: Release
  allocatorGetStats(allocator: Pointer, out: Pointer): Status
}

/** How a parameter or a result is passed in C. A `status` is null, or an error that has to be released. */
export type ApiType = 'pointer' | 'string' | 'int' | 'size' | 'status' | 'void'

type TypeOf<Value> = Value extends string ? 'string' : Value extends number ? 'int' | 'size' : 'pointer'
type TypesOf<Values extends readonly unknown[]> = { readonly [I in keyof Values]: TypeOf<Values[I]> }

/** Index in the table of functions, parameters, result. */
export type ApiFunction<Name extends keyof OrtFunctions> = readonly [
  index: number,
  parameters: TypesOf<Parameters<OrtFunctions[Name]>>,
  result: ApiType,
]

/**
 * Where the functions stand in the table that `GetApi` returns, and their C types. The table only ever grows
 * (upstream asserts it in onnxruntime_c_api.cc), so an index never changes; a wrong entry crashes the process.
 */
export const apiFunctions: { readonly [Name in keyof OrtFunctions]: ApiFunction<Name> } = {
  getErrorCode: [1, ['pointer'], 'int'],
  getErrorMessage: [2, ['pointer'], 'string'],
  createSessionFromArray: [8, ['pointer', 'pointer', 'size', 'pointer', 'pointer'], 'status'],
  createSessionOptions: [10, ['pointer'], 'status'],
  disableMemPattern: [17, ['pointer'], 'status'],
  setIntraOpNumThreads: [24, ['pointer', 'int'], 'status'],
  createRunOptions: [39, ['pointer'], 'status'],
  createTensorWithData: [49, ['pointer', 'pointer', 'size', 'pointer', 'size', 'int', 'pointer'], 'status'],
  createMemoryInfo: [68, ['string', 'int', 'int', 'int', 'pointer'], 'status'],
  createCpuMemoryInfo: [69, ['int', 'int', 'pointer'], 'status'],
  allocatorAlloc: [75, ['pointer', 'size', 'pointer'], 'status'],
  allocatorFree: [76, ['pointer', 'pointer'], 'status'],
  releaseEnv: [92, ['pointer'], 'void'],
  releaseStatus: [93, ['pointer'], 'void'],
  releaseMemoryInfo: [94, ['pointer'], 'void'],
  releaseSession: [95, ['pointer'], 'void'],
  releaseValue: [96, ['pointer'], 'void'],
  releaseRunOptions: [97, ['pointer'], 'void'],
  releaseSessionOptions: [100, ['pointer'], 'void'],
  createEnvWithGlobalThreadPools: [119, ['int', 'string', 'pointer', 'pointer'], 'status'],
  disablePerSessionThreads: [120, ['pointer'], 'status'],
  createThreadingOptions: [121, ['pointer'], 'status'],
  releaseThreadingOptions: [122, ['pointer'], 'void'],
  addSessionConfigEntry: [130, ['pointer', 'string', 'string'], 'status'],
  createAllocator: [131, ['pointer', 'pointer', 'pointer'], 'status'],
  releaseAllocator: [132, ['pointer'], 'void'],
  runWithBinding: [133, ['pointer', 'pointer', 'pointer'], 'status'],
  createIoBinding: [134, ['pointer', 'pointer'], 'status'],
  releaseIoBinding: [135, ['pointer'], 'void'],
  bindInput: [136, ['pointer', 'string', 'pointer'], 'status'],
  bindOutput: [137, ['pointer', 'string', 'pointer'], 'status'],
  createAndRegisterAllocator: [144, ['pointer', 'pointer', 'pointer'], 'status'],
  setGlobalIntraOpNumThreads: [147, ['pointer', 'int'], 'status'],
  setGlobalInterOpNumThreads: [148, ['pointer', 'int'], 'status'],
  setGlobalSpinControl: [149, ['pointer', 'int'], 'status'],
  releaseArenaCfg: [157, ['pointer'], 'void'],
  createArenaCfgV2: [164, ['pointer', 'pointer', 'size', 'pointer'], 'status'],
  addRunConfigEntry: [165, ['pointer', 'string', 'string'], 'status'],
  appendCuda: [204, ['pointer', 'pointer'], 'status'],
  createCudaOptions: [205, ['pointer'], 'status'],
  updateCudaOptions: [206, ['pointer', 'pointer', 'pointer', 'size'], 'status'],
  releaseCudaOptions: [208, ['pointer'], 'void'],
  addExternalInitializers: [210, ['pointer', 'pointer', 'pointer', 'size'], 'status'],
  createAndRegisterAllocatorV2: [
    259,
    ['pointer', 'string', 'pointer', 'pointer', 'pointer', 'pointer', 'size'],
    'status',
  ],
  updateCudaOptionsWithValue: [263, ['pointer', 'string', 'pointer'], 'status'],
  getKeyValue: [297, ['pointer', 'string'], 'string'],
  releaseKeyValuePairs: [300, ['pointer'], 'void'],
  allocatorGetStats: [319, ['pointer', 'pointer'], 'status'],
}
