import type { Correction, CostModelName, Percent, PlanResult } from '@flexgen/planner'
import { type DType, FlexgenError, StorageError } from '@flexgen/spec'
import { writeFile } from 'node:fs/promises'
import type { LoadedHardware, OpenedModel } from 'flexgen'
import type { CliContext } from '../cli-context.ts'
import { planSubject } from './plan-subject.ts'

/** The flags of `plan`. */
export interface PlanFlags {
  readonly model: string
  readonly path?: string
  readonly promptLen: number
  readonly maxNewTokens: number
  readonly numPrompts?: number
  readonly hardware?: string
  readonly backend?: string
  readonly maxDeviceMemory?: string
  readonly maxRam?: string
  readonly maxDisk?: string
  readonly costModel: CostModelName
  readonly alpha?: number
  readonly percent?: readonly number[]
  readonly gpuBatchSize?: number
  readonly numGpuBatches?: number
  readonly compressWeight?: boolean
  readonly compressCache?: boolean
  readonly allowCompression?: boolean
  readonly overlap?: boolean
  readonly directIo?: boolean
  readonly dtype?: DType
  readonly offloadDir?: string
  readonly history?: boolean
  readonly json?: boolean
  readonly save?: string
  readonly verbose: number
}

/**
 * The command `plan`.
 * @throws {FlexgenError} `INFEASIBLE` where nothing fits, after the plan has been printed; `USAGE`, `MODEL_NOT_FOUND`,
 * `FILE_NOT_FOUND`, `CORRUPT_DATA` for what it is given
 */
export async function runPlan(flags: PlanFlags, context: CliContext): Promise<void> {
  const { out } = context.terminal
  const { describePlan, infeasiblePlanError, plan, policyFileOf } = await import('@flexgen/planner')
  const { parseSize } = await import('flexgen')
  const size = (text: string | undefined, flag: string): number | undefined =>
    text === undefined ? undefined : parseSize(text, flag)
  const given = {
    device: size(flags.maxDeviceMemory, '--max-device-memory'),
    ram: size(flags.maxRam, '--max-ram'),
    disk: size(flags.maxDisk, '--max-disk'),
  }
  await using opened = await openForSizes(flags.model, flags.path)
  await using subject = await planSubject(flags, opened, given, context)
  const { alpha, promptLen, maxNewTokens, percent, gpuBatchSize, numGpuBatches } = flags
  const result: PlanResult = await plan({
    model: opened.model,
    ...subject.request,
    costModel: flags.costModel,
    promptTokens: promptLen,
    newTokens: maxNewTokens,
    numPrompts: flags.numPrompts,
    margin: alpha === undefined ? subject.request.margin : { device: alpha, ram: alpha, disk: alpha },
    // The planner checks that there are six.
    fixed: { percent: percent as Percent | undefined, gpuBatchSize, numGpuBatches },
    compressWeight: flags.compressWeight,
    compressCache: flags.compressCache,
    allowCompression: flags.allowCompression,
    overlap: flags.overlap,
    directIo: flags.directIo,
  })
  const corrected = await correctedBy(flags, result, subject.hardware, subject.backendName)
  if (flags.json === true) out.writeLine(JSON.stringify(corrected.result))
  else if (corrected.result.feasible) {
    for (const line of describePlan(corrected.result)) out.writeLine(line)
    for (const line of describeCorrection(corrected.correction)) out.writeLine(line)
  }
  if (!result.feasible) throw infeasiblePlanError(result)
  if (flags.save !== undefined) await writeText(flags.save, `${JSON.stringify(policyFileOf(result), null, 2)}\n`)
}

interface Corrected {
  readonly result: PlanResult & { readonly correction?: Correction }
  readonly correction?: Correction
}

/** The plan with its times corrected by past runs on this machine. */
async function correctedBy(
  { history, costModel }: PlanFlags,
  result: PlanResult,
  { profile, source }: LoadedHardware,
  backend: string | undefined,
): Promise<Corrected> {
  if (history === false || costModel !== 'engine' || source !== 'saved' || !result.feasible || backend === undefined) {
    return { result }
  }
  const { correctionOf, correctPrediction } = await import('@flexgen/planner')
  const { hardwareKey, readHistory } = await import('flexgen')
  const key = { hardware: hardwareKey(profile), backend, model: result.model }
  const correction = correctionOf(await readHistory(), key, result.predicted)
  if (correction.prefillRuns + correction.decodeRuns === 0) return { result }
  return { result: { ...result, predicted: correctPrediction(result.predicted, correction), correction }, correction }
}

function describeCorrection(correction: Correction | undefined): string[] {
  if (correction === undefined) return []
  const { prefillFactor, decodeFactor, prefillRuns, decodeRuns } = correction
  const runs = Math.max(prefillRuns, decodeRuns)
  const factors = `prefill x ${prefillFactor.toFixed(2)}, decoding x ${decodeFactor.toFixed(2)}`
  return ['', `Corrected by ${runs} past runs: ${factors} (--no-history for the plan as it was)`]
}

/** A model for its sizes: a folder or name as for `generate`, else the built-in config of a name. */
async function openForSizes(name: string, path: string | undefined): Promise<OpenedModel> {
  const { openModel } = await import('flexgen')
  try {
    return await openModel({ model: name, path })
  } catch (error) {
    if (!FlexgenError.isInstance(error) || error.code !== 'MODEL_NOT_FOUND' || path?.includes('_DUMMY_')) throw error
    return openModel({ model: name, path: '_DUMMY_' })
  }
}

async function writeText(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text)
  } catch (error) {
    throw StorageError.from(error, `write ${path}`)
  }
}
