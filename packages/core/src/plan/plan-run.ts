import { type DType, InfeasibleError } from '@flexgen/spec'
import { type BlockPlan, planBlock } from '../engine/block-plan.ts'
import type { EngineOptions, Workload } from '../engine/engine-options.ts'
import { gathersRows, isPrepared, type LayerRuntime } from '../engine/layer-runtime.ts'
import { inFiles, loadStagingBytes } from '../engine/resident-weights.ts'
import { leastRingBytes, lookAheadRingBytes } from '../engine/staging-ring.ts'
import { hostRingBesideDevice, streamedPieces } from '../engine/weight-loader.ts'
import type { UnitPlacement } from '../placement/place-weights.ts'
import { weightBytesByTier } from '../placement/summary.ts'
import type { WeightUnit } from '../placement/weight-unit.ts'
import type { RunPlan } from './run-plan.ts'

/** A model laid out on a machine. */
export interface PlannedModel {
  readonly options: EngineOptions
  readonly runtimes: readonly LayerRuntime[]
  readonly units: readonly WeightUnit[]
  readonly placement: readonly UnitPlacement[]
  readonly computeDtype: DType
}

/** Layers whose weights stream ahead of the one that computes, where memory allows. */
export const defaultLookAhead = 2

/** The block that a workload needs at most. */
export function planWorkload(planned: PlannedModel, workload: Workload): BlockPlan {
  const { options, runtimes, computeDtype } = planned
  const block = options.policy.gpuBatchSize * options.policy.numGpuBatches
  return planBlock(
    options.model,
    options.policy,
    {
      sequences: Math.min(block, workload.sequences),
      maxPromptTokens: workload.maxPromptTokens,
      maxPositions: workload.maxPromptTokens + workload.maxNewTokens,
    },
    {
      cacheLayers: runtimes.filter((runtime) => runtime.cache !== undefined).length,
      computeDtype,
      hostVisible: options.backend.device.hostVisible,
      pagePositions: options.pagePositions ?? defaultPagePositions,
      logits: workload.logits ?? 'last',
    },
  )
}

/** Positions of a KV page on disk where the caller names none. */
export const defaultPagePositions = 64

/** Bytes of the rings that weights stream through; the look-ahead shrinks to the least where the budget is small. */
export function ringBytes(
  planned: PlannedModel,
  spareBytes: number,
): { readonly bound: number; readonly host: number } {
  const { hostVisible } = planned.options.backend.device
  const pieces = streamedPieces(planned.runtimes, hostVisible)
  const least = leastRingBytes(pieces)
  const wanted = planned.options.policy.overlap ? lookAheadRingBytes(pieces, defaultLookAhead) : least
  const bound = Math.max(least, Math.min(wanted, Math.floor(spareBytes / 4096) * 4096))
  return { bound, host: hostVisible ? 0 : hostRingBesideDevice(planned.runtimes) }
}

/** What a run holds at most on each tier; pure. */
export function planRun(planned: PlannedModel, workload: Workload | undefined): RunPlan {
  const { options, runtimes, units, placement } = planned
  const { hostVisible } = options.backend.device
  const weights = weightBytesByTier(units, placement)
  const preparedWeights = runtimes
    .filter(isPrepared)
    .reduce((sum, runtime) => sum + runtime.base.preparedBytes(deviceNames(runtime)), 0)
  const vectors = runtimes
    .filter((runtime) => !isPrepared(runtime))
    .flatMap((runtime) => runtime.units.filter(({ place }) => place.tier === 'device'))
    .reduce((sum, { unit }) => sum + unit.sizeBytes, 0)
  const generated = units.some((unit) => !inFiles(options.weights, unit))
  const block = workload === undefined ? undefined : planWorkload(planned, workload)
  const workspace =
    block === undefined ? 0 : Math.max(...runtimes.map((runtime) => largestWorkspace(runtime, options, block)))
  const ids = block === undefined ? 0 : 12 * block.shape.sequences * block.shape.maxPromptTokens
  const gather = block === undefined ? 0 : gatheredBytes(runtimes, block)
  const cache = block === undefined ? 0 : block.cacheRamBytes + (hostVisible ? block.cacheDeviceBytes : 0)
  const fixed = {
    preparedWeights: hostVisible ? preparedWeights : 0,
    ramWeights: weights.ram + vectors,
    cache,
    cacheStaging: block?.cacheStagingBytes ?? 0,
    hidden: (block?.hiddenBytes ?? 0) + ids + gather,
    logits: block?.logitsBytes ?? 0,
    workspace: hostVisible ? workspace : 0,
  }
  const held = Object.values(fixed).reduce((sum, bytes) => sum + bytes, 0)
  const rings = ringBytes(planned, (options.maxRamBytes ?? Number.MAX_SAFE_INTEGER) - held)
  const weightStaging = Math.max(hostVisible ? rings.bound : rings.host, loadStagingBytes(runtimes, generated))
  const diskWeights = generated ? weights.disk : 0
  return {
    ram: { ...fixed, weightStaging, total: held + weightStaging },
    deviceBytes: preparedWeights + (block?.cacheDeviceBytes ?? 0) + workspace + (hostVisible ? 0 : rings.bound),
    diskBytes: diskWeights + (block?.cacheDiskBytes ?? 0) + (block?.hiddenDiskBytes ?? 0),
    weights,
  }
}

/** @throws {InfeasibleError} where a budget is smaller than the plan */
export function checkBudgets(plan: RunPlan, options: EngineOptions): void {
  if (options.maxRamBytes !== undefined && plan.ram.total > options.maxRamBytes) {
    const parts = Object.entries(plan.ram)
      .filter(([name, bytes]) => name !== 'total' && bytes > 0)
      .toSorted((a, b) => b[1] - a[1])
      .map(([name, bytes]) => `${name} ${megabytes(bytes)}`)
    throw new InfeasibleError(
      `the run needs ${megabytes(plan.ram.total)} of RAM, --max-ram allows ${megabytes(options.maxRamBytes)} (${parts.join(', ')})`,
    )
  }
  if (options.maxDeviceBytes !== undefined && plan.deviceBytes > options.maxDeviceBytes) {
    throw new InfeasibleError(
      `the run needs ${megabytes(plan.deviceBytes)} on the device, --max-device-memory allows ${megabytes(options.maxDeviceBytes)}`,
    )
  }
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`
}

function deviceNames(runtime: LayerRuntime): string[] {
  return runtime.units.filter(({ place }) => place.tier === 'device').map(({ unit }) => unit.spec.name)
}

function gatheredBytes(runtimes: readonly LayerRuntime[], block: BlockPlan): number {
  const tables = runtimes.flatMap((runtime) => runtime.units).filter(gathersRows)
  return tables.reduce((sum, { unit }) => {
    const rowBytes = unit.sizeBytes / unit.spec.shape[0]!
    return (
      sum +
      rowBytes *
        Math.min(unit.spec.shape[0]! * block.hiddenHomes.length, block.shape.sequences * block.shape.maxPromptTokens)
    )
  }, 0)
}

function largestWorkspace(runtime: LayerRuntime, options: EngineOptions, block: BlockPlan): number {
  const { maxPromptTokens, maxPositions, sequences } = block.shape
  const batch = Math.min(options.policy.gpuBatchSize, sequences)
  return Math.max(...[maxPromptTokens, 1].map((seq) => runtime.base.workspaceBytes({ batch, seq, maxPositions })))
}
