import { describe, expect, it } from 'vitest'
import { ortError } from './ort-status.ts'

describe('ortError', () => {
  it.each([
    ['Failed to allocate memory for requested buffer of size 4096', 1, 'OUT_OF_MEMORY'],
    ['std::bad_alloc', 6, 'OUT_OF_MEMORY'],
    ['Available memory of 100 is smaller than requested bytes of 200', 1, 'OUT_OF_MEMORY'],
    ['CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0', 1, 'OUT_OF_MEMORY'],
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
