import { describe, expect, it } from 'vitest'
import { parsePolicyFile } from './parse-policy-file.ts'
import type { PolicyFile } from './policy-file.ts'

const file: PolicyFile = {
  schemaVersion: 1,
  policy: {
    gpuBatchSize: 32,
    numGpuBatches: 5,
    percent: [12, 78, 0, 100, 0, 100],
    cpuCacheCompute: true,
    hostAttentionPercent: 100,
    compressWeight: false,
    compressCache: false,
  },
  plannedFor: { model: 'opt-30b', hardware: 'flexgen-t4', costModel: 'flexgen', promptTokens: 512, newTokens: 32 },
  predicted: { prefillSeconds: 234.1, decodeSeconds: 487.6, totalTokensPerSecond: 7.09 },
}

describe('parsePolicyFile', () => {
  it('takes what a plan writes, with and without its prediction', () => {
    expect(parsePolicyFile(JSON.parse(JSON.stringify(file)), 'x')).toEqual(file)
    const { schemaVersion, policy } = file
    expect(parsePolicyFile({ schemaVersion, policy }, 'x')).toEqual({ schemaVersion, policy })
  })

  it.each([
    [{ percent: [12, 78, 0, 100, 0] }, 'policy.percent'],
    [{ percent: [60, 60, 0, 100, 0, 100] }, 'each pair is 100 at most'],
    [{ percent: [-1, 78, 0, 100, 0, 100] }, 'policy.percent.0 must be a number of 0 or more, got -1'],
    [{ percent: [120, 0, 0, 100, 0, 100] }, 'policy.percent.0 must be a number of 100 or less, got 120'],
    [{ gpuBatchSize: 0 }, 'policy.gpuBatchSize must be a number above 0, got 0'],
    [{ numGpuBatches: undefined }, 'policy.numGpuBatches is missing'],
    [{ compressWeight: 'yes' }, 'policy.compressWeight must be a boolean, got "yes"'],
    [{ colour: 1 }, 'policy.colour is not a field of a policy file'],
  ])('refuses %j', (change, message) => {
    expect(() => parsePolicyFile({ ...file, policy: { ...file.policy, ...change } }, 'p.json')).toThrow(
      expect.objectContaining({ code: 'CORRUPT_DATA', message: expect.stringContaining(message) }),
    )
  })

  it('says that another schema is another', () => {
    expect(() => parsePolicyFile({ ...file, schemaVersion: 9 }, 'p.json')).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED_DATA', message: expect.stringContaining('schemaVersion 9') }),
    )
  })
})
