import { type FlexgenError, InternalError, OutOfMemoryError, UnsupportedDataError } from '@flexgen/spec'

const notImplemented = 9
const outOfMemoryText =
  /failed to allocate|bad_alloc|out of memory|cannot allocate|available memory of|CUBLAS_STATUS_(ALLOC_FAILED|NOT_INITIALIZED)/i

/** The error for a failed call of ONNX Runtime: its own message, with the code that fits. */
export function ortError(doing: string, code: number, message: string): FlexgenError {
  const text = `ONNX Runtime cannot ${doing}: ${message.replaceAll(/\s+/g, ' ').trim()}`
  if (outOfMemoryText.test(message)) return new OutOfMemoryError(text)
  if (code === notImplemented) return new UnsupportedDataError(text)
  return new InternalError(text)
}
