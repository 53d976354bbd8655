import { describe, expect, it } from 'vitest'
import { createPolicy } from './create-policy.ts'

describe('createPolicy', () => {
  it('gives the disk what device and RAM leave', () => {
    const policy = createPolicy({ percent: [12, 78, 0, 100, 0, 50], gpuBatchSize: 32, numGpuBatches: 5 })
    expect(policy.weights).toEqual({ device: 12, ram: 78, disk: 10 })
    expect(policy.activations).toEqual({ device: 0, ram: 50, disk: 50 })
    expect(Object.isFrozen(policy)).toBe(true)
  })

  it.each([
    { percent: [50, 60, 100, 0, 100, 0] },
    { percent: [-1, 0, 100, 0, 100, 0] },
    { percent: [Number.NaN, 0, 100, 0, 100, 0] },
    { percent: [100, 0] },
    { gpuBatchSize: 0 },
    { numGpuBatches: 1.5 },
  ])('refuses %o', (options) => {
    expect(() => createPolicy(options)).toThrow(expect.objectContaining({ code: 'USAGE' }))
  })
})
