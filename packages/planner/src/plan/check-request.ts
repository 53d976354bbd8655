import { createPolicy } from '@flexgen/core'
import { FlexgenError, UsageError } from '@flexgen/spec'
import type { PlanningProblem } from '../problem/planning-problem.ts'
import { mapTiers } from '../problem/tier-amounts.ts'
import type { PlanRequest } from './plan-request.ts'

/**
 * The problem of a request, with the profile's capacities where it names none.
 * @throws {FlexgenError} `USAGE` for numbers outside their range, `PROMPT_TOO_LONG` where the model has fewer positions
 */
export function checkRequest(request: PlanRequest): PlanningProblem {
  const { model, hardware, promptTokens, newTokens, numPrompts, fixed = {}, margin } = request
  wholeAbove0('prompt length', promptTokens)
  wholeAbove0('number of new tokens', newTokens)
  if (numPrompts !== undefined) wholeAbove0('number of prompts', numPrompts)
  const { percent, gpuBatchSize = 1, numGpuBatches = 1 } = fixed
  createPolicy({ gpuBatchSize, numGpuBatches, ...(percent === undefined ? {} : { percent }) })
  if (promptTokens + newTokens > model.maxPositions) {
    throw new FlexgenError({
      code: 'PROMPT_TOO_LONG',
      message: `${promptTokens} prompt and ${newTokens} new tokens need ${promptTokens + newTokens} positions, ${model.name} has ${model.maxPositions}`,
    })
  }
  const ofProfile = {
    device: hardware.capacity.deviceBytes,
    ram: hardware.capacity.ramBytes,
    disk: hardware.capacity.diskBytes,
  }
  const capacity = mapTiers(ofProfile, (bytes, tier) => request.capacity?.[tier] ?? bytes)
  mapTiers(capacity, (bytes, tier) => atLeast0(`capacity of ${tier === 'ram' ? 'RAM' : `the ${tier}`}`, bytes))
  if (margin !== undefined) mapTiers(margin, (share) => atLeast0('margin', share))
  return {
    model,
    hardware,
    capacity,
    margin,
    promptTokens,
    newTokens,
    numPrompts,
    fixed,
    compressWeight: request.compressWeight ?? false,
    compressCache: request.compressCache ?? false,
    allowCompression: request.allowCompression ?? false,
    overlap: request.overlap ?? true,
    directIo: request.directIo ?? false,
    freeRamBytes: request.freeRamBytes ?? hardware.capacity.ramBytes,
    layouts: undefined,
  }
}

function wholeAbove0(what: string, value: number): void {
  if (!Number.isSafeInteger(value) || value <= 0) {
    throw new UsageError(`the ${what} must be a whole number above 0, got ${value}`)
  }
}

function atLeast0(what: string, value: number): number {
  if (Number.isFinite(value) && value >= 0) return value
  throw new UsageError(`the ${what} must be 0 or more, got ${value}`)
}
