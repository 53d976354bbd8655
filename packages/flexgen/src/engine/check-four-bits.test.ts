import type { Backend, DType, TensorInfo } from '@flexgen/spec'
import { expect, it } from 'vitest'
import { checkFourBits } from './check-four-bits.ts'

const backend = (weightDtypes: readonly DType[], cacheDtypes: readonly DType[] = []) => ({
  name: 'it',
  capabilities: { weightDtypes, cacheDtypes } as Pick<
    Backend['capabilities'],
    'weightDtypes' | 'cacheDtypes'
  > as Backend['capabilities'],
})
const source = (dtype: DType) => ({
  description: 'the file',
  tensors: new Map<string, TensorInfo>([['w', { name: 'w', shape: [64, 64], dtype, byteLength: 2304 }]]),
})
const plain = { compressWeight: false, compressCache: false }
const hint = (text: string) =>
  expect.objectContaining({ code: 'UNSUPPORTED_DATA', hint: expect.stringContaining(text) })

it('takes what the backend has kernels for', () => {
  checkFourBits(backend(['float16']), plain, source('float16'))
  checkFourBits(backend(['q4g64'], ['q4g64']), { compressWeight: true, compressCache: true }, source('float16'))
  checkFourBits(backend(['q4g64', 'q4g64c']), plain, source('q4g64c'))
})

it('names the flag, or the checkpoint, and what helps', () => {
  const both = { compressWeight: true, compressCache: true }
  expect(() => checkFourBits(backend(['float16']), both, source('float16'))).toThrow('--compress-weight: backend it')
  expect(() => checkFourBits(backend(['q4g64']), both, source('float16'))).toThrow('--compress-cache: backend it')
  expect(() => checkFourBits(backend(['float16']), plain, source('q4g64c'))).toThrow('the file: backend it')
  expect(() => checkFourBits(backend(['float16']), plain, source('q4g64'))).toThrow(hint('it was made from'))
  expect(() => checkFourBits(backend(['q4g64']), plain, source('q4g64c'))).toThrow(hint('--form inputs'))
})
