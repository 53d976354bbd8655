import type { CostModelName, HardwareProfile, Percent, PlanResult } from '@flexgen/planner'
import { CorruptDataError, FlexgenError, type Model, nodeFileSystem, StorageError, UsageError } from '@flexgen/spec'
import { readFile, writeFile } from 'node:fs/promises'
import type { CliContext } from '../cli-context.ts'

/** The flags of `plan`. */
export interface PlanFlags {
  readonly model: string
  readonly path?: string
  readonly promptLen: number
  readonly maxNewTokens: number
  readonly numPrompts?: number
  readonly hardware?: string
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
  readonly json?: boolean
  readonly save?: string
  readonly verbose: number
}

/**
 * The command `plan`.
 * @throws {FlexgenError} `INFEASIBLE` where nothing fits, after the plan has been printed; `USAGE`, `MODEL_NOT_FOUND`,
 * `FILE_NOT_FOUND`, `CORRUPT_DATA` for what it is given
 */
export async function runPlan(flags: PlanFlags, { terminal: { out } }: CliContext): Promise<void> {
  const { describePlan, infeasiblePlanError, plan, policyFileOf } = await import('@flexgen/planner')
  const { parseSize } = await import('flexgen')
  const size = (text: string | undefined, flag: string): number | undefined =>
    text === undefined ? undefined : parseSize(text, flag)
  const { alpha, promptLen, maxNewTokens, percent, gpuBatchSize, numGpuBatches } = flags
  const result: PlanResult = await plan({
    model: await readModel(flags.model, flags.path),
    hardware: await readHardware(flags.hardware),
    costModel: flags.costModel,
    promptTokens: promptLen,
    newTokens: maxNewTokens,
    numPrompts: flags.numPrompts,
    capacity: {
      device: size(flags.maxDeviceMemory, '--max-device-memory'),
      ram: size(flags.maxRam, '--max-ram'),
      disk: size(flags.maxDisk, '--max-disk'),
    },
    margin: alpha === undefined ? undefined : { device: alpha, ram: alpha, disk: alpha },
    // The planner checks that there are six.
    fixed: { percent: percent as Percent | undefined, gpuBatchSize, numGpuBatches },
    compressWeight: flags.compressWeight,
    compressCache: flags.compressCache,
    allowCompression: flags.allowCompression,
  })
  if (flags.json === true) out.writeLine(JSON.stringify(result))
  else if (result.feasible) for (const line of describePlan(result)) out.writeLine(line)
  if (!result.feasible) throw infeasiblePlanError(result)
  if (flags.save !== undefined) await writeText(flags.save, `${JSON.stringify(policyFileOf(result), null, 2)}\n`)
}

/** A model for its sizes: a folder or name as for `generate`, else the built-in config of a name. */
async function readModel(name: string, path: string | undefined): Promise<Model> {
  const { openModel } = await import('flexgen')
  try {
    await using opened = await openModel({ model: name, path })
    return opened.model
  } catch (error) {
    if (!FlexgenError.isInstance(error) || error.code !== 'MODEL_NOT_FOUND' || path?.includes('_DUMMY_')) throw error
    await using opened = await openModel({ model: name, path: '_DUMMY_' })
    return opened.model
  }
}

/** A shipped profile by its name, or a file. */
async function readHardware(name: string | undefined): Promise<HardwareProfile> {
  const { namedProfile, namedProfiles, parseHardwareProfile } = await import('@flexgen/planner')
  const names = namedProfiles.map((profile) => profile.name).join(', ')
  if (name === undefined) {
    throw new UsageError('there is no profile of this machine', {
      hint: `name one with --hardware: ${names}, or a file`,
    })
  }
  const named = namedProfile(name)
  if (named !== undefined) return named
  if ((await nodeFileSystem.stat(name))?.kind !== 'file') {
    throw new UsageError(`there is no hardware profile '${name}'`, { hint: `give a file, or one of ${names}` })
  }
  return parseHardwareProfile(parseJson(await readText(name), name), name)
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new CorruptDataError(`${path} is not JSON`, { cause: error })
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw StorageError.from(error, `read ${path}`)
  }
}

async function writeText(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text)
  } catch (error) {
    throw StorageError.from(error, `write ${path}`)
  }
}
