export { type HostLimits, measureHostLimits } from './kernels/measure-limits.ts'
export { createNativeBackend, type NativeBackendOptions } from './create-native-backend.ts'
export { examineHostKernels, type HostKernels } from './library/examine-library.ts'
export { compileLibrary, type CompileOptions } from './library/compile-library.ts'
