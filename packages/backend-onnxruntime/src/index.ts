export { createOnnxRuntimeBackend, type OnnxRuntimeBackendOptions } from './create-onnx-runtime-backend.ts'
export { createOnnxRuntimeCudaBackend, type OnnxRuntimeCudaOptions } from './cuda/create-cuda-backend.ts'
