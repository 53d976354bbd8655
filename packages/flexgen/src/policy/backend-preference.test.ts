import { namedProfile } from '@flexgen/planner'
import { describe, expect, it } from 'vitest'
import { preferenceOf } from './backend-preference.ts'

const profile = namedProfile('flexgen-t4')!
const rates = (backend: string, gigaflops: number, rows = 8): (typeof profile)['compute']['device'] => ({
  ...profile.compute.device,
  backend,
  matmul: [{ dtype: 'float32', weights: 'prepared', rows, flopsPerSecond: gigaflops * 1e9 }],
})

describe('preferenceOf', () => {
  it('puts the fastest first, with the figures', () => {
    const compute = { ...profile.compute, device: rates('native', 90), others: [rates('onnxruntime', 120)] }
    expect(preferenceOf({ ...profile, assumed: [], compute })).toEqual({
      names: ['onnxruntime', 'native'],
      reason: 'fastest in the profile of this machine (GFLOP/s with 8 rows: onnxruntime 120, native 90)',
    })
  })

  it('says nothing of one backend, of others that were not measured so, and of assumed speeds', () => {
    const others = [rates('onnxruntime', 120, 1)]
    const compute = { ...profile.compute, device: rates('native', 90) }
    expect(preferenceOf({ ...profile, assumed: [], compute })).toBeUndefined()
    expect(preferenceOf({ ...profile, assumed: [], compute: { ...compute, others } })).toBeUndefined()
    const both = { ...compute, others: [rates('onnxruntime', 1)] }
    expect(preferenceOf({ ...profile, assumed: ['compute'], compute: both })).toBeUndefined()
  })
})
