import { expect, it } from 'vitest'
import { loadKoffi } from '../../ffi/koffi-library.ts'
import { cublasLtError, loadCublasLt } from './cublaslt-library.ts'

it('says what helps where cuBLASLt is missing, or ONNX Runtime has loaded none', async () => {
  const koffi = await loadKoffi()
  for (const path of ['/nowhere/libcublasLt.so.13', undefined])
    expect(() => loadCublasLt(koffi, path)).toThrow(
      expect.objectContaining({ code: 'BACKEND_UNAVAILABLE', hint: expect.stringContaining('pip install') as string }),
    )
})

it.each([
  [1, 'OUT_OF_MEMORY'],
  [3, 'OUT_OF_MEMORY'],
  [15, 'UNSUPPORTED_DATA'],
  [13, 'INTERNAL'],
])('status %i is %s', (status, code) => {
  expect(cublasLtError('multiply', status, 'the text')).toMatchObject({
    code,
    message: `cuBLASLt cannot multiply: the text (${status})`,
  })
})
