import type { Backend, DType } from '@flexgen/spec'
import { describe, expect, it } from 'vitest'
import { chooseComputeDtype } from './compute-dtype.ts'

const backend = (name: string, ...computeDtypes: DType[]): Pick<Backend, 'name' | 'capabilities'> => ({
  name,
  capabilities: { computeDtypes } as unknown as Backend['capabilities'],
})
const unit = (dtype: DType, sizeBytes = 1): { dtype: DType; sizeBytes: number } => ({ dtype, sizeBytes })
const any = backend('any', 'float32', 'float16', 'bfloat16')

describe('chooseComputeDtype', () => {
  it('takes the dtype of most weight bytes', () => {
    expect(chooseComputeDtype([unit('float32', 2), unit('bfloat16', 3)], undefined, [any])).toBe('bfloat16')
  })

  it('looks at the vectors beside 4-bit weights', () => {
    expect(chooseComputeDtype([unit('q4g64c', 9), unit('float16')], undefined, [any])).toBe('float16')
  })

  it('takes the first dtype of a backend that cannot compute in that of the weights', () => {
    expect(chooseComputeDtype([unit('float16')], undefined, [backend('a', 'float32')])).toBe('float32')
    expect(chooseComputeDtype([unit('float32')], undefined, [backend('a', 'float16', 'bfloat16')])).toBe('float16')
  })

  it('takes what device and host have in common', () => {
    expect(chooseComputeDtype([unit('float16')], undefined, [any, backend('b', 'float32')])).toBe('float32')
    expect(() =>
      chooseComputeDtype([unit('float16')], undefined, [backend('a', 'float16'), backend('b', 'float32')]),
    ).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_DATA' }))
  })

  it('honours what was asked for, or refuses it', () => {
    expect(chooseComputeDtype([unit('float16')], 'float32', [any])).toBe('float32')
    expect(() => chooseComputeDtype([unit('float16')], 'float16', [any, backend('b', 'float32')])).toThrow(
      expect.objectContaining({
        code: 'USAGE',
        message: expect.stringContaining('backend b'),
        hint: 'it computes in float32',
      }),
    )
  })
})
