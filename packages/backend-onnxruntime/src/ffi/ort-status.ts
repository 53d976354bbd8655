import { type FlexgenError, InternalError, OutOfMemoryError, UnsupportedDataError } from '@flexgen/spec'

const notImplemented = 9
const outOfMemoryTexts: readonly RegExp[] = [
  /failed to allocate|bad_alloc|out of memory|cannot allocate|available memory of/i,
  // A handle needs memory of the device: without it, both libraries only say that they are not initialized.
  /CU(BLAS|DNN)_STATUS_(ALLOC_FAILED|NOT_INITIALIZED)/,
  // The same two of cuBLAS as ONNX Runtime 1.30 words them; seen on an H100 whose memory was taken.
  /CUBLAS failure [13]:/,
  /CUDNN_STATUS_INTERNAL_ERROR_(HOST|DEVICE)_ALLOCATION_FAILED/,
  /cudaErrorMemoryAllocation|CUDA_ERROR_OUT_OF_MEMORY/,
]

/** The error for a failed call of ONNX Runtime: its own message, with the code that fits. */
export function ortError(doing: string, code: number, message: string): FlexgenError {
  const text = `ONNX Runtime cannot ${doing}: ${message.replaceAll(/\s+/g, ' ').trim()}`
  if (outOfMemoryTexts.some((pattern) => pattern.test(message))) return new OutOfMemoryError(text)
  if (code === notImplemented) return new UnsupportedDataError(text)
  return new InternalError(text)
}
