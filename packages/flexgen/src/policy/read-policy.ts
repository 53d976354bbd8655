import type { PolicyOptions } from '@flexgen/core'
import { NotFoundError } from '@flexgen/spec'
import { readJsonFile } from './json-file.ts'

/**
 * The policy that `flexgen plan --save` has written.
 * @throws {FlexgenError} `FILE_NOT_FOUND`, `CORRUPT_DATA` or `UNSUPPORTED_DATA`
 */
export async function readPolicyFile(file: string): Promise<PolicyOptions> {
  const value = await readJsonFile(file)
  if (value === undefined) {
    throw new NotFoundError('FILE_NOT_FOUND', `there is no policy file ${file}`, {
      hint: 'flexgen plan --save FILE writes one; auto lets the planner choose',
    })
  }
  const { parsePolicyFile } = await import('@flexgen/planner')
  const { percent, gpuBatchSize, numGpuBatches, hostAttentionPercent, compressWeight, compressCache } = parsePolicyFile(
    value,
    file,
  ).policy
  return { percent, gpuBatchSize, numGpuBatches, hostAttentionPercent, compressWeight, compressCache }
}
