export { createNativeBackend, type NativeBackendOptions } from './create-native-backend.ts'
export { compileLibrary, type CompileOptions } from './library/compile-library.ts'
