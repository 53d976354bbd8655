import { describe, expect, it } from 'vitest'
import { autoLogFileName } from './log-file-name.ts'

const seed = {
  model: 'facebook/opt-30b',
  gpuBatchSize: 32,
  numGpuBatches: 5,
  promptLen: 512,
  genLen: 32,
  percent: [12, 78, 0, 100, 0, 100],
}

describe('the name of the automatic log', () => {
  it.each([
    [{}, 'fo-30b-gbs32-ngbs5-prompt512-gen32-percent-12-78-0-100-0-100-gpu-cache.log'],
    [
      { cpuCacheCompute: true, compressWeight: true, compressCache: true },
      'fo-30b-gbs32-ngbs5-prompt512-gen32-percent-12-78-0-100-0-100-cpu-cache-compw-compc.log',
    ],
    [
      { model: '/models/tiny/', compressCache: true },
      'fo-tiny-gbs32-ngbs5-prompt512-gen32-percent-12-78-0-100-0-100-gpu-cache-compc.log',
    ],
    [{ model: './models/demo' }, 'fo-demo-gbs32-ngbs5-prompt512-gen32-percent-12-78-0-100-0-100-gpu-cache.log'],
  ])('%o is %s', (changes, name) => expect(autoLogFileName({ ...seed, ...changes })).toBe(name))
})
