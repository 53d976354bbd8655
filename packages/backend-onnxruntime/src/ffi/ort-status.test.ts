import { describe, expect, it } from 'vitest'
import { ortError } from './ort-status.ts'

describe('ortError', () => {
  it.each([
    ['Failed to allocate memory for requested buffer of size 4096', 1, 'OUT_OF_MEMORY'],
    ['std::bad_alloc', 6, 'OUT_OF_MEMORY'],
    ['Available memory of 100 is smaller than requested bytes of 200', 1, 'OUT_OF_MEMORY'],
    ['CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0', 1, 'OUT_OF_MEMORY'],
    [
      'CUBLAS failure 1: CUBLAS_STATUS_NOT_INITIALIZED ; GPU=0 ; expr=cublasCreate(&cublas_handle_);',
      6,
      'OUT_OF_MEMORY',
    ],
    [
      'CUDNN failure 1001: CUDNN_STATUS_NOT_INITIALIZED ; GPU=0 ; expr=cudnnCreate(&cudnn_handle_);',
      6,
      'OUT_OF_MEMORY',
    ],
    [
      'CUBLAS failure 3: the resource allocation failed ; GPU=0 ; expr=cublasCreate(&cublas_handle_);',
      6,
      'OUT_OF_MEMORY',
    ],
    ['CUBLAS failure 13: the function failed to launch on the GPU ; GPU=0', 1, 'INTERNAL'],
    ['CUDNN failure 4: CUDNN_STATUS_ALLOC_FAILED ; GPU=0', 1, 'OUT_OF_MEMORY'],
    ['CUDNN failure 4003: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED ; GPU=0', 1, 'OUT_OF_MEMORY'],
    ['CUDA failure 2: out of memory ; GPU=0 ; expr=cudaMalloc((void**)&p, size);', 6, 'OUT_OF_MEMORY'],
    ['CUDA error cudaErrorMemoryAllocation', 1, 'OUT_OF_MEMORY'],
    ['CUBLAS failure 13: CUBLAS_STATUS_EXECUTION_FAILED ; GPU=0', 1, 'INTERNAL'],
    ['CUDA failure 700: an illegal memory access was encountered ; GPU=0', 1, 'INTERNAL'],
    ['Could not find an implementation for Gelu(20)', 9, 'UNSUPPORTED_DATA'],
    ['indices element out of data bounds', 2, 'INTERNAL'],
  ])('%s', (message, status, code) => {
    expect(ortError('run', status, message)).toMatchObject({ code, message: `ONNX Runtime cannot run: ${message}` })
  })

  it('makes one line of a message', () => {
    expect(ortError('create session', 1, ' two\n\tlines \n').message).toBe(
      'ONNX Runtime cannot create session: two lines',
    )
  })
})
